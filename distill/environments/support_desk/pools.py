"""The words from which worlds and messages are made. No entry stands in both splits; a test holds it."""

from __future__ import annotations

from dataclasses import dataclass

from distill.environments.base import Split


@dataclass(frozen=True, slots=True)
class Pool:
    """Names and short free values of one split."""

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    cities: tuple[str, ...]
    items: tuple[str, ...]
    subjects: tuple[str, ...]
    notes: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(entry.strip() for entry in text.split(","))


_TRAIN = Pool(
    first_names=_words(
        "Anna, Boris, Clara, David, Elena, Felix, Greta, Hugo, Irene, Jonas, Karin, Lars, Maria, Nils, Olga, Pavel, "
        "Rosa, Simon, Tina, Viktor, Wanda, Amir, Bella, Carlos, Daria, Emil, Fiona, Gordon, Helga, Ivan"
    ),
    last_names=_words(
        "Albers, Brandt, Costa, Dahl, Eriksen, Fischer, Garcia, Hansen, Ibsen, Jansen, Keller, Lopez, Meyer, Novak, "
        "Olsen, Peters, Rossi, Schmidt, Torres, Ullman, Vogel, Weber, Young, Ziegler, Barnes, Carter, Dixon, Foster"
    ),
    cities=_words(
        "Berlin, Lisbon, Madrid, Oslo, Paris, Rome, Vienna, Zurich, Athens, Bremen, Cardiff, Dublin, Geneva, Hamburg, "
        "Krakow, London, Milan, Naples, Porto, Riga, Seville, Turin, Utrecht, Warsaw, New York, San Diego"
    ),
    items=_words("lamp, chair, desk, phone, kettle, jacket, camera, printer, blender, backpack"),
    subjects=_words(
        "login, invoice, delivery, billing, warranty, returns, broken screen, wrong size, missing part, late parcel, "
        "discount code, gift card, account access, double charge, slow app, noisy fan, torn box, flat battery"
    ),
    notes=_words(
        "called back, sent email, waiting for parts, checked stock, asked for photo, refund promised, left message, "
        "label sent, manager informed, parcel found, photo received, serial checked, offer accepted, invoice sent"
    ),
)
_HELDOUT = Pool(
    first_names=_words(
        "Agnes, Bruno, Cecil, Doris, Edgar, Frida, Gustav, Hanna, Igor, Julia, Kurt, Linda, Marco, Nora, Oscar, Petra, "
        "Rainer, Sonja, Thomas, Ursula"
    ),
    last_names=_words(
        "Adler, Becker, Cohen, Duval, Engel, Franco, Graham, Hoffman, Ivers, Jordan, Kramer, Larsen, Moreno, Nielsen, "
        "Palmer, Romero, Santos, Turner, Wagner, Zimmer"
    ),
    cities=_words(
        "Basel, Boston, Cologne, Denver, Dresden, Florence, Glasgow, Helsinki, Leipzig, Malaga, Munich, Nantes, "
        "Prague, Salzburg, Stockholm, Tallinn, Valencia, Venice, Hong Kong, San Jose"
    ),
    items=_words("mirror, stool, tablet, toaster, scarf, monitor, drill, suitcase"),
    subjects=_words(
        "password, shipping, receipt, upgrade, broken handle, wrong colour, missing cable, damaged box, promo code, "
        "loud motor, empty box, lost courier, account name, card declined"
    ),
    notes=_words(
        "sent letter, called twice, checked order, waiting for reply, asked for receipt, box found, label printed, "
        "photo missing, price checked, driver informed, offer sent, parts ordered"
    ),
)


def pool(split: Split) -> Pool:
    """The words of one split."""
    return _TRAIN if split == "train" else _HELDOUT
