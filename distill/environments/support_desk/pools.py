"""The words from which worlds and messages are made. No entry stands in both splits; a test holds it."""

from __future__ import annotations

import random
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


def _pairs(first: str, second: str) -> tuple[str, ...]:
    return tuple(f"{one} {other}" for one in _words(first) for other in _words(second))


def _made(kind: str, count: int) -> tuple[str, ...]:
    """Capitalised words that no language has, of one to four syllables."""
    rng = random.Random(kind)  # noqa: S311 - reproducible data, no secret
    made: dict[str, None] = {}
    while len(made) < count:
        syllables = [
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.choice((1, 2, 2, 3)))
        ]
        made["".join(syllables).capitalize()] = None
    return tuple(made)


_ONSETS = _words("b, br, c, ch, d, f, fr, g, gl, h, j, k, kl, l, m, n, p, pr, r, s, sch, st, t, tr, v, w, z")
_VOWELS = _words("a, e, i, o, u, ai, ie, ou")
_CODAS = ("", "", "", *_words("n, r, l, s, t, ck, nd, gue, rk, x"))

# Many values, half of them made-up words, so that a learner has to copy them and cannot know them by heart.
_TRAIN = Pool(
    first_names=_made("first names", 80)
    + _words(
        "Anna, Boris, Clara, David, Elena, Felix, Greta, Hugo, Irene, Jonas, Karin, Lars, Maria, Nils, Olga, Pavel, "
        "Rosa, Simon, Tina, Viktor, Wanda, Amir, Bella, Carlos, Daria, Emil, Fiona, Gordon, Helga, Ivan, Adam, Berta, "
        "Conrad, Dora, Erik, Flora, Georg, Heidi, Isaac, Jana, Kevin, Laura, Milan, Nadia, Otto, Paula, Quentin, Ralf, "
        "Sara, Theo, Uwe, Vera, Walter, Xenia, Yusuf, Zora, Albert, Birgit, Cyril, Diana, Ernst, Frank, Gisela, "
        "Ines, Jakob, Klara, Leon, Mona, Norbert, Olive, Peter, Robert, Stella, Tobias, Ulla, Vincent, Wendy, Yvonne"
    ),
    last_names=_made("last names", 80)
    + _words(
        "Albers, Brandt, Costa, Dahl, Eriksen, Fischer, Garcia, Hansen, Ibsen, Jansen, Keller, Lopez, Meyer, Novak, "
        "Olsen, Peters, Rossi, Schmidt, Torres, Ullman, Vogel, Weber, Young, Ziegler, Barnes, Carter, Dixon, Foster, "
        "Arnold, Bishop, Clark, Dekker, Evans, Fuchs, Gibson, Huber, Irving, Jensen, Kowalski, Lambert, Martin, Nowak, "
        "Ortega, Pohl, Quinn, Richter, Silva, Tanner, Urban, Vega, Winkler, Xavier, Yates, Zander, Abbott, Bauer, "
        "Cooper, Dietz, Ellis, Ferrari, Gruber, Holmes, Ingram, Jonsson, Krause, Lorenz, Morgan, Norton, Osborn, "
        "Roth, Sanders, Thorne, Underwood, Volkov, Wright, Yilmaz, Zimmermann"
    ),
    cities=_made("cities", 70)
    + _pairs("Upper, Saint, Bad, Port", ", ".join(_made("towns", 8)))
    + tuple(f"{one} {other}" for one, other in zip(_made("halves", 40), _made("other halves", 40), strict=True))
    + _words(
        "Berlin, Lisbon, Madrid, Oslo, Paris, Rome, Vienna, Zurich, Athens, Bremen, Cardiff, Dublin, Geneva, Hamburg, "
        "Krakow, London, Milan, Naples, Porto, Riga, Seville, Turin, Utrecht, Warsaw, New York, San Diego, Aachen, "
        "Bergen, Bristol, Calais, Dortmund, Essen, Faro, Graz, Hanover, Innsbruck, Jena, Kiel, Leeds, Lyon, Mainz, "
        "Nice, Odessa, Palermo, Rostock, Siena, Toulouse, Ulm, Verona, Worms, York, Zagreb, Antwerp, Bologna, Chester, "
        "Derby, Exeter, Ghent, Halle, Ipswich, Kassel, Linz, Metz, Norwich, Oxford, Pisa, Rouen, Split, Trier, "
        "New Delhi, New Haven, San Marino, San Antonio, Santa Fe, Cape Town, Buenos Aires, Los Angeles, Fort Worth"
    ),
    items=_words("lamp, chair, desk, phone, kettle, jacket, camera, printer, blender, backpack"),
    subjects=(
        *_words("login, invoice, delivery, billing, warranty, returns, payment, refunds, opening hours, packaging"),
        *_words("discount code, gift card, account access, bank details, voucher, repairs, sign up, new model"),
        *_words(", ".join(_made("products", 40)).lower()),
        *_pairs(", ".join(_made("brands", 12)).lower(), "case, tool, plan, cord, kit, set"),
        *_pairs("silent, spare, heavy, blue, rusty, smart", ", ".join(_made("things", 12)).lower()),
        *_pairs(
            "broken, wrong, missing, late, slow, noisy, torn, flat, double, faulty, dirty, stuck, cracked, bent, wet",
            "screen, size, part, parcel, app, fan, battery, charge, label, lid, wheel, button, door, strap, plug, page",
        ),
    ),
    notes=(
        *_words("called back, will call again, no answer, speaks French"),
        *_pairs(
            "email, label, parcel, photo, serial, quote, invoice, manager, form, refund, part, key, bill, sample",
            "sent, received, informed, accepted, ready, attached, signed, updated, delayed, confirmed, promised, lost",
        ),
        *_pairs(
            "waiting for, asked for, looked at, called about, paid for, sent back, thanked for, spoke about",
            f"parts, photo, stock, invoice, {', '.join(_made('parts', 8)).lower()}",
        ),
        *_pairs(", ".join(_made("people", 12)).lower(), "asked, wrote, agreed, refused, paid"),
        *_pairs("sent, checked, wrote, updated, opened, left", "email, stock, message, invoice, account, bill, form"),
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
