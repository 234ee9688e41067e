"""Face regions in XMP: every form that writers use, every orientation, and what must not be read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from vultus.errors import NotFoundError
from vultus.gallery import Gallery
from vultus.imports import enroll_marked, read_marked
from vultus.imports.xmp import Region, packets, read, regions, upright
from vultus.testing import Analyzer, Thresholds, picture
from vultus.types import Box, Image

OPEN = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" '
    'xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#" xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#" '
    'xmlns:MP="http://ns.microsoft.com/photo/1.2/" xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#" '
    'xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#">'
)
CLOSE = "</rdf:Description></rdf:RDF></x:xmpmeta>"


def packet(body: str) -> bytes:
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{OPEN}{body}{CLOSE}<?xpacket end="w"?>'.encode()


def mwg(items: str, size: tuple[int, int] | None = None) -> bytes:
    dimensions = ""
    if size is not None:
        dimensions = f'<mwg-rs:AppliedToDimensions stDim:w="{size[0]}" stDim:h="{size[1]}" stDim:unit="pixel"/>'
    return packet(
        f'<mwg-rs:Regions rdf:parseType="Resource">{dimensions}<mwg-rs:RegionList><rdf:Bag>{items}</rdf:Bag>'
        "</mwg-rs:RegionList></mwg-rs:Regions>"
    )


def lightroom(name: str, x: float, y: float, w: float, h: float, kind: str = "Face") -> str:
    """Attributes of an rdf:Description inside the list item."""
    return (
        f'<rdf:li><rdf:Description mwg-rs:Name="{name}" mwg-rs:Type="{kind}"><mwg-rs:Area stArea:x="{x}" '
        f'stArea:y="{y}" stArea:w="{w}" stArea:h="{h}" stArea:unit="normalized"/></rdf:Description></rdf:li>'
    )


def digikam(name: str, x: float, y: float, w: float, h: float) -> str:
    """Elements of the list item itself, the area's fields as elements too."""
    return (
        f'<rdf:li rdf:parseType="Resource"><mwg-rs:Name>{name}</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type>'
        f'<mwg-rs:Area rdf:parseType="Resource"><stArea:x>{x}</stArea:x><stArea:y>{y}</stArea:y><stArea:w>{w}'
        f"</stArea:w><stArea:h>{h}</stArea:h><stArea:unit>normalized</stArea:unit></mwg-rs:Area></rdf:li>"
    )


def microsoft(*items: str) -> bytes:
    return packet(
        '<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>'
        + "".join(items)
        + "</rdf:Bag></MPRI:Regions></MP:RegionInfo>"
    )


def boxes(found: list[Region]) -> dict[str, tuple[float, ...]]:
    return {one.name: tuple(round(v, 6) for v in (one.box.x1, one.box.y1, one.box.x2, one.box.y2)) for one in found}


@pytest.mark.parametrize("nothing", [b"", b"no xml", b"<a", packet(""), mwg(""), b"\0" * 100, b"\xff\xfe<\0a\0/\0>\0"])
def test_nothing(nothing: bytes) -> None:
    assert regions(nothing) == []


def test_the_forms_of_writers() -> None:
    expected = {"Ada": (0.1, 0.2, 0.3, 0.6)}
    assert boxes(regions(mwg(lightroom("Ada", 0.2, 0.4, 0.2, 0.4)))) == expected
    assert boxes(regions(mwg(digikam("Ada", 0.2, 0.4, 0.2, 0.4)))) == expected
    nested = (
        '<rdf:li><rdf:Description><mwg-rs:Name>Ada</mwg-rs:Name><mwg-rs:Area><rdf:Description stArea:x="0.2" '
        'stArea:y="0.4" stArea:w="0.2" stArea:h="0.4"/></mwg-rs:Area></rdf:Description></rdf:li>'
    )
    assert boxes(regions(mwg(nested))) == expected
    elements = (
        '<rdf:li rdf:parseType="Resource"><MPReg:PersonDisplayName>Ada</MPReg:PersonDisplayName>'
        "<MPReg:Rectangle>0.1, 0.2, 0.2, 0.4</MPReg:Rectangle></rdf:li>"
    )
    assert boxes(regions(microsoft(elements))) == expected
    attributes = '<rdf:li MPReg:PersonDisplayName="Ada" MPReg:Rectangle="0.1,0.2,0.2,0.4"/>'
    assert boxes(regions(microsoft(attributes))) == expected


def test_pixels_circles_and_dimensions() -> None:
    in_pixels = (
        '<rdf:li><rdf:Description mwg-rs:Name="Ada"><mwg-rs:Area stArea:x="40" stArea:y="40" stArea:w="40" '
        'stArea:h="40" stArea:unit="pixel"/></rdf:Description></rdf:li>'
    )
    assert boxes(regions(mwg(in_pixels, (200, 100)))) == {"Ada": (0.1, 0.2, 0.3, 0.6)}
    assert regions(mwg(in_pixels)) == []  # of which picture, nobody can say
    circle = (
        '<rdf:li><rdf:Description mwg-rs:Name="Ada"><mwg-rs:Area stArea:x="0.5" stArea:y="0.5" stArea:d="0.4" '
        'stArea:unit="normalized"/></rdf:Description></rdf:li>'
    )
    # 0.4 of the shorter side, 100: 40 pixels, of 200 and of 100
    assert boxes(regions(mwg(circle, (200, 100)))) == {"Ada": (0.4, 0.3, 0.6, 0.7)}
    (found,) = regions(mwg(lightroom("Ada", 0.2, 0.4, 0.2, 0.4), (200, 100)))
    assert found.dimensions == (200, 100)


def test_names_and_kinds() -> None:
    items = (
        lightroom("Ada &amp; Bob", 0.2, 0.2, 0.1, 0.1)
        + lightroom("Rex", 0.2, 0.2, 0.1, 0.1, kind="Pet")
        + lightroom("", 0.5, 0.5, 0.1, 0.1)
        + lightroom("Жозефина", 0.5, 0.5, 0.1, 0.1)
    )
    assert sorted(boxes(regions(mwg(items)))) == ["Ada & Bob", "Жозефина"]


@pytest.mark.parametrize(
    ("x", "y", "w", "h"),
    [
        ("nan", 0.2, 0.1, 0.1),
        ("inf", 0.2, 0.1, 0.1),
        (0.2, 0.2, 0, 0.1),
        (0.2, 0.2, -1, 0.1),
        (9, 9, 0.1, 0.1),
        ("x",) * 4,
    ],
)
def test_areas_that_are_none(x, y, w, h) -> None:
    assert regions(mwg(lightroom("Ada", x, y, w, h))) == []


def test_a_rectangle_that_is_none() -> None:
    for written in ("", "1,2,3", "a,b,c,d", "0.1,0.2,nan,0.1", "0.1,0.2,0,0"):
        assert regions(microsoft(f'<rdf:li MPReg:PersonDisplayName="Ada" MPReg:Rectangle="{written}"/>')) == []


def test_mwg_goes_before_microsoft() -> None:
    both = mwg(lightroom("Ada", 0.2, 0.4, 0.2, 0.4)).replace(
        CLOSE.encode(),
        b'<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag><rdf:li MPReg:PersonDisplayName="Ada" '
        b'MPReg:Rectangle="0.7,0.7,0.1,0.1"/></rdf:Bag></MPRI:Regions></MP:RegionInfo>' + CLOSE.encode(),
    )
    assert boxes(regions(both)) == {"Ada": (0.1, 0.2, 0.3, 0.6)}


def test_a_bomb_is_not_lit() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>'.encode() + mwg(lightroom("&l11;", 0.2, 0.4, 0.2, 0.4))
    assert regions(bomb) == []
    outside = b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]>' + mwg(lightroom("&f;", 0.2, 0.4, 0.2, 0.4))
    assert regions(outside) == []
    assert regions(mwg(lightroom("Ada", 0.2, 0.4, 0.2, 0.4) * 3000))[1000:] == []


def jpeg(image: Image, xmp: bytes | None = None, turn: int = 1) -> bytes:
    """A JPEG with an EXIF orientation and an XMP packet, its own pixels as given."""
    exif = PIL.Image.Exif()
    exif[0x0112] = turn
    out = io.BytesIO()
    PIL.Image.fromarray(image).save(out, "JPEG", quality=95, subsampling=0, exif=exif)
    data = out.getvalue()
    if xmp is None:
        return data
    body = b"http://ns.adobe.com/xap/1.0/\0" + xmp
    return data[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


def test_packets_of_a_jpeg() -> None:
    plain = jpeg(picture("Ada"))
    assert list(packets(plain)) == []
    assert list(packets(jpeg(picture("Ada"), b"<a/>"))) == [b"<a/>"]
    assert list(packets(b"")) == []
    assert list(packets(plain[:30])) == []


def test_extended_packets_are_put_together() -> None:
    xmp = mwg("".join(lightroom(f"Person {n}", 0.2, 0.4, 0.2, 0.4) for n in range(400)))
    assert len(xmp) > 65_535
    data = jpeg(picture("Ada"), b"<a/>")
    segments = []
    for start in reversed(range(0, len(xmp), 40_000)):  # in any order
        body = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + len(xmp).to_bytes(4, "big")
        body += start.to_bytes(4, "big") + xmp[start : start + 40_000]
        segments.append(b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body)
    whole = list(packets(data[:2] + b"".join(segments) + data[2:]))
    assert whole == [b"<a/>", xmp]
    assert len(regions(whole[1])) == 400
    assert list(packets(data[:2] + segments[0] + data[2:])) == [b"<a/>"]  # a part is missing


def stored(image: Image, turn: int) -> Image:
    """The pixels that EXIF orientation `turn` makes `image` of."""
    back = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[turn]
    steps = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, 1),
    }
    return np.ascontiguousarray(steps[back](image))


def place(person: int, image: Image, turn: int) -> tuple[float, float, float, float]:
    """Where the square of `picture`'s person lies in the stored picture, by looking at the pixels: centre and size."""
    mask = np.zeros(image.shape[:2], np.uint8)
    step = 112 + 6 + 16
    left = 16 + 3 + person * step
    mask[19 : 19 + 112, left : left + 112] = 1
    rows, columns = np.nonzero(stored(np.repeat(mask[..., None], 3, 2), turn)[..., 0])
    height, width = (image.shape[0], image.shape[1]) if turn < 5 else (image.shape[1], image.shape[0])
    x1, x2, y1, y2 = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    return (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height


@pytest.fixture
def gallery(tmp_path: Path):
    analyzer = Analyzer()
    with Gallery.open(tmp_path / "staff", analyzer=analyzer, operating=Thresholds(analyzer.contract)) as gallery:
        yield gallery


# Upright counting in a mirrored or upside-down picture lies on the other face, and nothing tells the two apart.
@pytest.mark.parametrize("stated", [False, True])
@pytest.mark.parametrize(
    ("turn", "from_upright"),
    [(turn, way) for turn in range(1, 9) for way in (False, True) if not (way and turn in (2, 3))],
)
def test_the_marked_face_is_enrolled_in_every_orientation(
    gallery: Gallery, tmp_path: Path, turn: int, from_upright: bool, stated: bool
) -> None:
    """Two people in one picture: each gets the face in their own box, wherever its writer counted from."""
    image = picture("Ada", "Bob")
    pixels = stored(image, turn)
    counted = image if from_upright else pixels
    items = "".join(
        digikam(name, *place(number, image, 1 if from_upright else turn)) for number, name in enumerate(("Ada", "Bob"))
    )
    size = (counted.shape[1], counted.shape[0]) if stated else None
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "both.jpg").write_bytes(jpeg(pixels, mwg(items, size), turn))
    analyzer = Analyzer()
    taken = list(enroll_marked(gallery, analyzer, read(folder)))
    assert [(one.name, len(one.enrolment.added), one.enrolment.refused) for one in taken] == [
        ("Ada", 1, ()),
        ("Bob", 1, ()),
    ]
    assert gallery.identify(picture("Ada"))[0].person == "Ada"
    assert gallery.identify(picture("Bob"))[0].person == "Bob"
    again = list(enroll_marked(gallery, analyzer, read(folder)))
    assert [one.enrolment.unchanged for one in again] == [(str(folder / "both.jpg"),)] * 2


@pytest.mark.parametrize("name", ["both.jpg.xmp", "both.xmp"])
def test_a_sidecar_goes_before_the_picture(gallery: Gallery, tmp_path: Path, name: str) -> None:
    image = picture("Ada", "Bob")
    inside = mwg(lightroom("Wrong", *place(0, image, 1)))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "both.jpg").write_bytes(jpeg(image, inside))
    (tmp_path / "photos" / name).write_bytes(mwg(lightroom("Bob", *place(1, image, 1))))
    (mark,) = read_marked("xmp", tmp_path / "photos")
    assert mark.name == "Bob"
    (taken,) = enroll_marked(gallery, Analyzer(), [mark])
    assert len(taken.enrolment.added) == 1
    assert gallery.identify(picture("Bob"))[0].person == "Bob"


def test_a_sidecar_for_other_formats(gallery: Gallery, tmp_path: Path) -> None:
    image = picture("Ada")
    PIL.Image.fromarray(image).save(tmp_path / "ada.png")
    (tmp_path / "ada.png.xmp").write_bytes(mwg(lightroom("Ada", *place(0, image, 1))))
    (taken,) = enroll_marked(gallery, Analyzer(), read(tmp_path / "ada.png"))
    assert len(taken.enrolment.added) == 1


def test_marks_that_no_face_lies_in(gallery: Gallery, tmp_path: Path) -> None:
    image = picture("Ada", "Bob")
    items = (
        lightroom("Nobody", 0.5, 0.02, 0.05, 0.02)
        + lightroom("Ada", *place(0, image, 1))
        + lightroom("A\u202eda", *place(0, image, 1))
    )
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(jpeg(image, mwg(items)))
    (tmp_path / "photos" / "broken.jpg").write_bytes(jpeg(image, mwg(items))[:9000])
    (tmp_path / "photos" / "plain.jpg").write_bytes(jpeg(image))
    taken = list(enroll_marked(gallery, Analyzer(), read(tmp_path / "photos")))
    by = {(Path(one.source).name, one.name): one.enrolment for one in taken}
    assert by["a.jpg", "Nobody"].refused[0].code == "no_face"
    assert len(by["a.jpg", "Ada"].added) == 1
    assert "control characters" in by["a.jpg", "A\u202eda"].refused[0].reason
    assert by["broken.jpg", "Ada"].refused[0].code == "unreadable"
    assert len(taken) == 6
    assert [person.name for person in gallery.people()] == ["Ada"]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        list(read(tmp_path / "absent"))


def test_upright_by_hand() -> None:
    """A region at the stored picture's top left; orientation 6 is turned clockwise: it comes to the top right."""
    region = Region("Ada", Box(0, 0, 0.25, 0.5))
    assert upright(region, 6, None)[0] == Box(0.5, 0, 1, 0.25)
    assert upright(region, 8, None)[0] == Box(0, 0.75, 0.5, 1)
    assert upright(region, 3, None)[0] == Box(0.75, 0.5, 1, 1)
    assert upright(region, 1, None) == (region.box, None)
    stated = Region("Ada", region.box, (100, 200))
    assert upright(stated, 6, (100, 200)) == (Box(0.5, 0, 1, 0.25), None)
    assert upright(stated, 6, (200, 100)) == (region.box, None)
    assert upright(stated, 6, (100, 100)) == (Box(0.5, 0, 1, 0.25), region.box)


@pytest.mark.weights
@pytest.mark.parametrize("turn", [1, 6, 3])
def test_a_photograph(analyzer, portrait_file: Path, tmp_path: Path, turn: int) -> None:
    """The shipped models, a box drawn loosely around the head as people do, beside a mark on the wall."""
    from vultus.images import read as read_picture

    image = read_picture(portrait_file)
    height, width = image.shape[:2]
    (face,) = analyzer.detect(image)
    x, y = face.box.centre
    half = 0.75 * max(face.box.width, face.box.height)
    seen = Box((x - half) / width, (y - 1.1 * half) / height, (x + half) / width, (y + 0.9 * half) / height)
    back = {1: 1, 3: 3, 6: 8}[turn]  # from the upright picture to the stored one
    there = upright(Region("", seen), back, None)[0]
    centre = ((there.x1 + there.x2) / 2, (there.y1 + there.y2) / 2, there.x2 - there.x1, there.y2 - there.y1)
    items = lightroom("Eileen", *centre) + lightroom("Nobody", 0.9, 0.05, 0.1, 0.05)
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "portrait.jpg").write_bytes(jpeg(stored(image, turn), mwg(items), turn))
    with Gallery.open(tmp_path / "staff", analyzer=analyzer) as gallery:
        taken = {one.name: one.enrolment for one in enroll_marked(gallery, analyzer, read(folder))}
        assert len(taken["Eileen"].added) == 1
        assert taken["Nobody"].refused[0].code == "no_face"
        assert gallery.identify(portrait_file)[0].person == "Eileen"
