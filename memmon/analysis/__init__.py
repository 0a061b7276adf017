"""Over all rooms: how memmon itself is, as one answer."""
