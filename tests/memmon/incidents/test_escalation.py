from memmon.config.escalation import Chain
from memmon.incidents import escalation

CHAIN = Chain.model_validate(
    {
        "name": "operations",
        "repeat": 1800,
        "levels": [
            {"name": "Operations Team", "after": 0},
            {"name": "Senior Engineers", "after": 900},
            {"name": "Management", "after": 1800},
        ],
    }
)


def test_the_levels_follow_at_their_times() -> None:
    assert escalation.first_at(CHAIN, 100.0) == 100.0
    first = escalation.page(CHAIN, 0, 100.0, 100.0)
    assert (first.level.name, first.next_at) == ("Operations Team", 1000.0)
    second = escalation.page(CHAIN, 1, 100.0, 1000.0)
    assert (second.level.name, second.next_at) == ("Senior Engineers", 1900.0)
    third = escalation.page(CHAIN, 2, 100.0, 1900.0)
    assert (third.level.name, third.next_at) == ("Management", 1900.0 + 1800)


def test_the_last_level_is_repeated() -> None:
    again = escalation.page(CHAIN, 3, 100.0, 9000.0)
    assert (again.level.name, again.level_index, again.again, again.next_at) == ("Management", 2, True, 10800.0)


def test_a_level_that_is_late_does_not_hold_the_next_one_up() -> None:
    assert escalation.page(CHAIN, 0, 100.0, 5000.0).next_at == 5000.0


def test_a_page_by_hand_leaves_the_plan_of_the_next_level() -> None:
    by_hand = escalation.page(CHAIN, 1, 100.0, 160.0)
    assert by_hand.level.name == "Senior Engineers"
    assert by_hand.next_at == 1900.0


def test_a_level_that_repeats_is_told_again_until_the_next_ones_time() -> None:
    first = CHAIN.levels[0].model_copy(update={"repeat": 400.0})
    chain = CHAIN.model_copy(update={"levels": (first, *CHAIN.levels[1:])})
    assert escalation.page(chain, 0, 100.0, 100.0).next_at == 500.0
    again = escalation.page(chain, 1, 100.0, 500.0)
    assert (again.level.name, again.again, again.next_at) == ("Operations Team", True, 900.0)
    assert escalation.page(chain, 1, 100.0, 900.0).next_at == 1000.0
    assert escalation.page(chain, 1, 100.0, 1000.0).level.name == "Senior Engineers"
    assert escalation.page(chain, 1, 100.0, 500.0, hurry=True).level.name == "Senior Engineers"


def test_a_level_that_does_not_apply_is_passed_over_and_somebody_is_always_told() -> None:
    not_seniors = escalation.page(CHAIN, 1, 100.0, 1000.0, lambda level: level.name != "Senior Engineers")
    assert (not_seniors.level.name, not_seniors.level_index) == ("Management", 2)
    only_first = escalation.page(CHAIN, 1, 100.0, 1000.0, lambda level: level.name == "Operations Team")
    assert (only_first.level.name, only_first.again) == ("Operations Team", True)
    assert escalation.page(CHAIN, 1, 100.0, 1000.0, lambda level: False).level.name == "Management"
