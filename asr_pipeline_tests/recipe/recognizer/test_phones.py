"""Numbers of phones, pdfs and transitions are what Kaldi expects of them."""

from models.recipe.recognizer.acoustics import phones


def test_each_phone_has_one_class_as_a_left_neighbour() -> None:
    members = [phone for group in phones.LEFT_CLASSES for phone in group.split()]
    assert sorted(members) == sorted(phones.BASE_PHONES)


def test_pdfs_of_all_phones_and_classes_fill_the_numbers() -> None:
    numbers = {
        phones.forward_pdf(base, left) + loop
        for base in range(len(phones.BASE_PHONES))
        for left in range(phones.LEFT_CLASS_COUNT)
        for loop in (0, 1)
    }
    assert numbers == set(range(phones.PDF_COUNT))


def test_transition_ids_follow_kaldis_sorted_tuples() -> None:
    tuples = [
        (phone, phones.forward_pdf(phones.base_of(phone), left))
        for phone in range(1, phones.PHONE_COUNT + 1)
        for left in range(phones.LEFT_CLASS_COUNT)
    ]
    assert tuples == sorted(tuples)
    told = [
        number
        for phone in range(1, phones.PHONE_COUNT + 1)
        for left in range(phones.LEFT_CLASS_COUNT)
        for number in (phones.self_loop_transition(phone, left), phones.forward_transition(phone, left))
    ]
    assert told == list(range(1, phones.TRANSITION_COUNT + 1))


def test_places_in_a_word() -> None:
    def names(text: str) -> list[str]:
        return [phones.POSITION_PHONES[number - 1].name for number in phones.positioned(text.split())]

    assert names("OW") == ["OW_S"]
    assert names("N OW") == ["N_B", "OW_E"]
    assert names("K AE T S") == ["K_B", "AE_I", "T_I", "S_E"]


def test_the_four_versions_of_a_phone_share_their_sound() -> None:
    assert len({phones.base_of(phones.PHONE_ID[f"AE_{place}"]) for place in "BEIS"}) == 1
