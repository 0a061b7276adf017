import threading

from tests.support import eventually
from web.send_queue import SendQueue


def take_all(mailbox: SendQueue) -> list[str]:
    mailbox.put("end", "end")
    results = []
    while (message := mailbox.get()) != "end":
        assert message is not None
        results.append(message)
    return results


def test_messages_come_out_in_the_order_in_which_they_went_in() -> None:
    mailbox = SendQueue()
    for index in range(10):
        mailbox.put(f"kind{index % 2}", str(index))
    assert take_all(mailbox) == [str(index) for index in range(10)]


def test_who_reads_too_slowly_is_left_with_the_newest_of_each_kind() -> None:
    mailbox = SendQueue(max_queued=5)
    for index in range(1, 7):
        mailbox.put("health" if index == 2 else "alerts", str(index))
    assert take_all(mailbox) == ["2", "6"]


def test_however_many_messages_come_no_more_than_its_size_wait() -> None:
    mailbox = SendQueue(max_queued=5)
    for index in range(1000):
        mailbox.put(f"kind{index % 3}", str(index))
    actual = take_all(mailbox)
    assert len(actual) <= 5
    assert actual[-3:] == ["997", "998", "999"]


def test_taking_waits_for_a_message_and_ends_when_it_is_closed() -> None:
    mailbox, taken = SendQueue(), []

    def read() -> None:
        while True:
            message = mailbox.get()
            taken.append(message)
            if message is None:
                return

    reader = threading.Thread(target=read)
    reader.start()
    mailbox.put("a", "first")
    eventually(lambda: taken == ["first"])
    mailbox.close()
    reader.join(5)
    assert taken == ["first", None]
