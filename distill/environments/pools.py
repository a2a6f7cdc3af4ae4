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


def listed(text: str) -> tuple[str, ...]:
    """The entries of a list with commas."""
    return tuple(entry.strip() for entry in text.split(","))


def paired(first: str, second: str) -> tuple[str, ...]:
    """Every entry of one list before every entry of another."""
    return tuple(f"{one} {other}" for one in listed(first) for other in listed(second))


def made(kind: str, count: int) -> tuple[str, ...]:
    """Capitalised words that no language has, of one to four syllables."""
    rng = random.Random(kind)  # noqa: S311 - reproducible data, no secret
    found: dict[str, None] = {}
    while len(found) < count:
        syllables = [
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.choice((1, 2, 2, 3)))
        ]
        found["".join(syllables).capitalize()] = None
    return tuple(found)


_ONSETS = listed("b, br, c, ch, d, f, fr, g, gl, h, j, k, kl, l, m, n, p, pr, r, s, sch, st, t, tr, v, w, z")
_VOWELS = listed("a, e, i, o, u, ai, ie, ou")
_CODAS = ("", "", "", *listed("n, r, l, s, t, ck, nd, gue, rk, x"))

# Many values, half of them made-up words, so that a learner has to copy them and cannot know them by heart.
_TRAIN = Pool(
    first_names=made("first names", 80)
    + listed(
        "Anna, Boris, Clara, David, Elena, Felix, Greta, Hugo, Irene, Jonas, Karin, Lars, Maria, Nils, Olga, Pavel, "
        "Rosa, Simon, Tina, Viktor, Wanda, Amir, Bella, Carlos, Daria, Emil, Fiona, Gordon, Helga, Ivan, Adam, Berta, "
        "Conrad, Dora, Erik, Flora, Georg, Heidi, Isaac, Jana, Kevin, Laura, Milan, Nadia, Otto, Paula, Quentin, Ralf, "
        "Sara, Theo, Uwe, Vera, Walter, Xenia, Yusuf, Zora, Albert, Birgit, Cyril, Diana, Ernst, Frank, Gisela, "
        "Ines, Jakob, Klara, Leon, Mona, Norbert, Olive, Peter, Robert, Stella, Tobias, Ulla, Vincent, Wendy, Yvonne"
    ),
    last_names=made("last names", 80)
    + listed(
        "Albers, Brandt, Costa, Dahl, Eriksen, Fischer, Garcia, Hansen, Ibsen, Jansen, Keller, Lopez, Meyer, Novak, "
        "Olsen, Peters, Rossi, Schmidt, Torres, Ullman, Vogel, Weber, Young, Ziegler, Barnes, Carter, Dixon, Foster, "
        "Arnold, Bishop, Clark, Dekker, Evans, Fuchs, Gibson, Huber, Irving, Jensen, Kowalski, Lambert, Martin, Nowak, "
        "Ortega, Pohl, Quinn, Richter, Silva, Tanner, Urban, Vega, Winkler, Xavier, Yates, Zander, Abbott, Bauer, "
        "Cooper, Dietz, Ellis, Ferrari, Gruber, Holmes, Ingram, Jonsson, Krause, Lorenz, Morgan, Norton, Osborn, "
        "Roth, Sanders, Thorne, Underwood, Volkov, Wright, Yilmaz, Zimmermann"
    ),
    cities=made("cities", 70)
    + paired("Upper, Saint, Bad, Port", ", ".join(made("towns", 8)))
    + tuple(f"{one} {other}" for one, other in zip(made("halves", 40), made("other halves", 40), strict=True))
    + listed(
        "Berlin, Lisbon, Madrid, Oslo, Paris, Rome, Vienna, Zurich, Athens, Bremen, Cardiff, Dublin, Geneva, Hamburg, "
        "Krakow, London, Milan, Naples, Porto, Riga, Seville, Turin, Utrecht, Warsaw, New York, San Diego, Aachen, "
        "Bergen, Bristol, Calais, Dortmund, Essen, Faro, Graz, Hanover, Innsbruck, Jena, Kiel, Leeds, Lyon, Mainz, "
        "Nice, Odessa, Palermo, Rostock, Siena, Toulouse, Ulm, Verona, Worms, York, Zagreb, Antwerp, Bologna, Chester, "
        "Derby, Exeter, Ghent, Halle, Ipswich, Kassel, Linz, Metz, Norwich, Oxford, Pisa, Rouen, Split, Trier, "
        "New Delhi, New Haven, San Marino, San Antonio, Santa Fe, Cape Town, Buenos Aires, Los Angeles, Fort Worth"
    ),
    items=listed("lamp, chair, desk, phone, kettle, jacket, camera, printer, blender, backpack"),
    subjects=(
        *listed("login, invoice, delivery, billing, warranty, returns, payment, refunds, opening hours, packaging"),
        *listed("discount code, gift card, account access, bank details, voucher, repairs, sign up, new model"),
        *listed(", ".join(made("products", 40)).lower()),
        *paired(", ".join(made("brands", 12)).lower(), "case, tool, plan, cord, kit, set"),
        *paired("silent, spare, heavy, blue, rusty, smart", ", ".join(made("things", 12)).lower()),
        *paired(
            "broken, wrong, missing, late, slow, noisy, torn, flat, double, faulty, dirty, stuck, cracked, bent, wet",
            "screen, size, part, parcel, app, fan, battery, charge, label, lid, wheel, button, door, strap, plug, page",
        ),
    ),
    notes=(
        *listed("called back, will call again, no answer, speaks French"),
        *paired(
            "email, label, parcel, photo, serial, quote, invoice, manager, form, refund, part, key, bill, sample",
            "sent, received, informed, accepted, ready, attached, signed, updated, delayed, confirmed, promised, lost",
        ),
        *paired(
            "waiting for, asked for, looked at, called about, paid for, sent back, thanked for, spoke about",
            f"parts, photo, stock, invoice, {', '.join(made('parts', 8)).lower()}",
        ),
        *paired(", ".join(made("people", 12)).lower(), "asked, wrote, agreed, refused, paid"),
        *paired("sent, checked, wrote, updated, opened, left", "email, stock, message, invoice, account, bill, form"),
    ),
)
_HELDOUT = Pool(
    first_names=listed(
        "Agnes, Bruno, Cecil, Doris, Edgar, Frida, Gustav, Hanna, Igor, Julia, Kurt, Linda, Marco, Nora, Oscar, Petra, "
        "Rainer, Sonja, Thomas, Ursula"
    ),
    last_names=listed(
        "Adler, Becker, Cohen, Duval, Engel, Franco, Graham, Hoffman, Ivers, Jordan, Kramer, Larsen, Moreno, Nielsen, "
        "Palmer, Romero, Santos, Turner, Wagner, Zimmer"
    ),
    cities=listed(
        "Basel, Boston, Cologne, Denver, Dresden, Florence, Glasgow, Helsinki, Leipzig, Malaga, Munich, Nantes, "
        "Prague, Salzburg, Stockholm, Tallinn, Valencia, Venice, Hong Kong, San Jose"
    ),
    items=listed("mirror, stool, tablet, toaster, scarf, monitor, drill, suitcase"),
    subjects=listed(
        "password, shipping, receipt, upgrade, broken handle, wrong colour, missing cable, damaged box, promo code, "
        "loud motor, empty box, lost courier, account name, card declined"
    ),
    notes=listed(
        "sent letter, called twice, checked order, waiting for reply, asked for receipt, box found, label printed, "
        "photo missing, price checked, driver informed, offer sent, parts ordered"
    ),
)


def pool(split: Split) -> Pool:
    """The words of one split."""
    return _TRAIN if split == "train" else _HELDOUT
