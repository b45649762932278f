# ruff: noqa: RUF001 (full-width signs, as they type them)
"""Files as teachers have them: what is taken, and what is said of the rest, by line."""

from __future__ import annotations

import io
import zipfile

import pytest

from agent.sets import gift
from agent.sets.items import MAX_ITEMS, MAX_PROBLEMS, Item, QuestionSet, SetInvalid
from agent.sets.reading import MAX_FILE_BYTES, read


def said(data: str | bytes) -> list[tuple[int, str, bool]]:
    """What is said of a file, taken or not: line, code, whether a question was left out."""
    raw = data.encode() if isinstance(data, str) else data
    try:
        problems = read(raw).problems
    except SetInvalid as error:
        problems = error.problems
    return [(one.line, one.code, one.left_out) for one in problems]


def taken(data: str | bytes) -> list[Item]:
    return read(data.encode() if isinstance(data, str) else data).items


def packed(**files: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return out.getvalue()


MOODLE = """\
$CATEGORY: $course$/方程

// question: 12  name: Q1
// [id:q1] [tag:一元一次方程] [tag:a\\]b]
::Q1::[html]<p>解 <b>2x\\=4</b>，x<sup>2</sup> 是&nbsp;?</p>{
    =4 #right
    ~2
    ~[plain]<1>
}

Grant is {~buried =entombed ~living} in Grant's tomb.

What two?{~%50%Grant ~%50%Jefferson ~%-100%no one}

The sun rises in the East.{T}
\x20
How much? {#=5:0 =7}

$a \\neq b$ \\{1\\}{F####because}
"""


def test_gift_as_moodle_writes_it() -> None:
    first, gap, two, true, number, false = taken(MOODLE)
    assert first == Item(
        kind="single", text="解 2x=4，x$^{2}$ 是\xa0?", options=["4", "2", "<1>"], key=["A"],
        points=["一元一次方程", "a]b"], title="Q1",
    )  # fmt: skip
    assert gap.text == "Grant is _____ in Grant's tomb."
    assert (two.kind, two.key) == ("multiple", ["AB"])
    assert (true.kind, true.key) == ("true_false", ["true"])
    assert (number.kind, number.key) == ("number", ["5", "7"])
    assert (false.text, false.key) == ("$a \\neq b$ {1}", ["false"])
    assert read(MOODLE.encode()).name == "方程"
    assert said(MOODLE) == [
        (5, "feedback_left", False), (13, "weights_left", False), (19, "feedback_left", False),
    ]  # fmt: skip


UNFIT = """\
Unfinished {~a =b

Two keys {=a =b ~c}

Essay {}

Match {=a -> 1 =b -> 2}

Short {=Bonn =Berlin}

Near {#3.14:0.05}

Range {#1..5}

Just a text.

Q1 {T}
Q2 {F}

Good {=1 ~2}

One option {=1}

Poll {~a ~b}

A hole {=a ~}
"""


def test_gift_that_is_not_fit_is_named_by_line_and_the_rest_is_taken() -> None:
    assert [one.text for one in taken(UNFIT)] == ["Good", "Poll"]
    assert said(UNFIT) == [
        (1, "unfinished", True), (3, "two_keys", True), (5, "kind_unsupported", True),
        (7, "kind_unsupported", True), (9, "kind_unsupported", True),
        (11, "tolerance_unsupported", True), (13, "tolerance_unsupported", True),
        (15, "no_answers", True), (17, "two_in_one", True), (22, "kind_unsupported", True),
        (24, "no_key", False), (26, "option_empty", True),
    ]  # fmt: skip


AIKEN = """\
What is 1 + 1?
A)one
B) two
ANSWER: B

An unfinished one
A. x
B. y

哪一个对？
A．甲
B．乙
答案：A
Two keys
A) a
B) b
ANSWER: A, B
No such option
A) a
B) b
ANSWER: C
One option
A) a
ANSWER: A
Letters
A) a
C) c
ANSWER: A
"""


def test_aiken() -> None:
    one, two = taken(AIKEN)
    assert (one.text, one.options, one.key) == ("What is 1 + 1?", ["one", "two"], ["B"])
    assert (two.text, two.options, two.key) == ("哪一个对？", ["甲", "乙"], ["A"])
    assert said(AIKEN) == [
        (6, "unfinished", True), (14, "two_keys", True), (18, "key_invalid", True),
        (22, "options_count", True), (25, "options_count", True),
    ]  # fmt: skip


TABLE = """\
题型,题干,A,B,C,答案,知识点,时限,来源
单选题,"第一
行",甲,乙,丙,B,力;惯性,60,书
多选题,选,甲,乙,丙,AC,,,
判断题,地球是圆的,,,,对,,,
,多少,,,,3.50,,,
单选题,两个,甲,乙,,AB,,,
填空题,什么,,,,水,,,
单选题,没有选项,,,,A,,,
单选题,,甲,乙,,A,,,
单选题,投票,甲,乙,,,,,
单选题,太快,甲,乙,,A,,1,
数字题,大约,,,,3±0.1,,,
"""
TABLE_SAID = [
    (1, "columns_left", False), (7, "two_keys", True), (8, "kind_unsupported", True),
    (9, "options_count", True), (10, "text_missing", True), (11, "no_key", False),
    (12, "timer_out_of_range", True), (13, "tolerance_unsupported", True),
]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_table_in_whatever_encoding(encoding: str) -> None:
    first, several, judged, number, poll = taken(TABLE.encode(encoding))
    assert first == Item(
        kind="single", text="第一\n行", options=["甲", "乙", "丙"], key=["B"],
        points=["力", "惯性"], timer_s=60,
    )  # fmt: skip
    assert (several.kind, several.key) == ("multiple", ["AC"])
    assert (judged.kind, judged.key) == ("true_false", ["true"])
    assert (number.kind, number.key) == ("number", ["3.5"])
    assert poll.key is None
    assert said(TABLE.encode(encoding)) == TABLE_SAID


def workbook(cells: str) -> bytes:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return packed(**{
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="r"><sheets><sheet name="题"'
        ' r:id="rId7"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="rId7"'
        ' Target="worksheets/sheet9.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{main}"><si><t>题干</t></si><si><r><t>答</t></r>'
        '<r><t>案</t></r><rPh sb="0"><t>da</t></rPh></si></sst>',
        "xl/worksheets/sheet9.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData>'
        "</worksheet>",
    })  # fmt: skip


def test_a_workbook() -> None:
    data = workbook(
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'
        '<row r="3"><c r="A3" t="inlineStr"><is><t>1 + 1</t></is></c><c r="C3"><v>2.0</v></c></row>'
        '<row r="4"><c r="A4" t="str"><v>真</v></c><c r="C4" t="b"><v>1</v></c></row>'
        '<row r="5"><c r="A5" t="str"><v>无</v></c><c r="C5" t="str"><v>水</v></c></row>'
    )
    number, judged = taken(data)
    assert (number.kind, number.text, number.key) == ("number", "1 + 1", ["2"])
    assert (judged.kind, judged.key) == ("true_false", ["true"])
    assert said(data) == [(5, "kind_unsupported", True)]


def qti3(declared: str, body: str, rules: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<qti-assessment-item'
        ' xmlns="http://www.imsglobal.org/xsd/imsqtiasi_v3p0" identifier="i" title="t">\n'
        f'<qti-response-declaration identifier="R" {declared}</qti-response-declaration>\n'
        f"<qti-item-body>{body}</qti-item-body>{rules}</qti-assessment-item>"
    )


CHOICE = """<p>Look   at
  x<sup>2</sup>.</p>
  <qti-choice-interaction response-identifier="R" max-choices="{most}">
  <qti-prompt>Which <em>one</em>?</qti-prompt>
  <qti-simple-choice identifier="c1">yes<qti-feedback-inline>!</qti-feedback-inline>
  </qti-simple-choice><qti-simple-choice identifier="c2"><p>no</p></qti-simple-choice>
  </qti-choice-interaction>"""
RIGHT = "<qti-correct-response><qti-value>c2</qti-value></qti-correct-response>"
SINGLE = f'cardinality="single" base-type="identifier">{RIGHT}'


def test_an_item_of_qti_3() -> None:
    [one] = taken(qti3(SINGLE, CHOICE.format(most=1)))
    assert one == Item(
        kind="single", text="Look at x$^{2}$.\n\nWhich one?", options=["yes", "no"], key=["B"],
        title="t",
    )  # fmt: skip
    mapped = (
        'cardinality="multiple" base-type="identifier"><qti-mapping><qti-map-entry map-key="c1"'
        ' mapped-value="1"/><qti-map-entry map-key="c2" mapped-value="-1"/></qti-mapping>'
    )
    [several] = taken(qti3(mapped, CHOICE.format(most=0)))
    assert (several.kind, several.key) == ("multiple", ["A"])


def test_an_item_of_qti_2() -> None:
    [one] = taken("""<assessmentItem xmlns="http://www.imsglobal.org/xsd/imsqti_v2p1" title="">
        <responseDeclaration identifier="R" cardinality="single" baseType="identifier">
        <correctResponse><value>false</value></correctResponse></responseDeclaration>
        <itemBody><choiceInteraction responseIdentifier="R" maxChoices="1"><prompt>Is it?</prompt>
        <simpleChoice identifier="true">Yes</simpleChoice>
        <simpleChoice identifier="false">No</simpleChoice></choiceInteraction></itemBody>
        </assessmentItem>""")
    assert (one.kind, one.text, one.key) == ("true_false", "Is it?", ["false"])


ENTRY = '<p>How far? <qti-text-entry-interaction response-identifier="R"/> m</p>'
NUMBER = 'cardinality="single" base-type="float"><qti-correct-response><qti-value>3.0</qti-value></qti-correct-response>'  # noqa: E501


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (qti3(SINGLE.replace("c2", "c9"), CHOICE.format(most=1)), "key_invalid"),
        (qti3(SINGLE, "<p>a text</p>"), "no_answers"),
        (qti3(SINGLE.replace("float", "string"), ENTRY), "kind_unsupported"),
        (qti3(SINGLE, CHOICE.format(most=1) + ENTRY), "kind_unsupported"),
        (qti3(NUMBER, ENTRY, '<qti-equal tolerance-mode="absolute"/>'), "tolerance_unsupported"),
        (
            qti3(NUMBER, f"<p><math><mfrac><mn>1</mn><mn>2</mn></mfrac></math></p>{ENTRY}"),
            "formula_unsupported",
        ),
        (qti3(SINGLE, '<qti-order-interaction response-identifier="R"/>'), "kind_unsupported"),
        (qti3(SINGLE, CHOICE.format(most=1)).replace('="R" ', '="S" ', 1), "unfinished"),
    ],
)
def test_an_item_that_cannot_be_asked_is_left_out_by_name(item: str, code: str) -> None:
    assert [(found, left) for _, found, left in said(item)] == [(code, True)]


def test_a_package_in_a_folder_with_a_broken_and_a_missing_file() -> None:
    good = qti3(NUMBER, ENTRY)
    data = packed(**{
        "unit/imsmanifest.xml": "<manifest><resources>"
        '<resource type="imsqti_item_xmlv3p0" href="a%20b.xml"><metadata><lom><general><keyword>'
        "<string>距离</string></keyword></general></lom></metadata></resource>"
        '<resource type="imsqti_item_xmlv3p0" href="gone.xml"/></resources></manifest>',
        "unit/a b.xml": good,
        "unit/broken.xml": good[:-40],
        "unit/readme.txt": "hello",
    })  # fmt: skip
    found = read(data)
    [one] = found.items
    assert (one.text, one.key, one.points) == ("How far? _____ m", ["3"], ["距离"])
    assert [(p.file, p.code) for p in found.problems] == [
        ("", "file_missing"), ("unit/broken.xml", "xml_broken"),
    ]  # fmt: skip


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (BOMB.encode(), "xml_entities"),
        (BOMB.encode("utf-16"), "xml_entities"),
        (b"<a>" * 200, "file_too_large"),
        (b"<a/>", "file_unknown"),
        (packed(**{"a.xml": b"\0" * 20_000_000}), "file_too_large"),
        (packed(**{f"{n}.xml": f"<a>{'x' * 3_000_000}</a>" for n in range(4)}), "file_too_large"),
        (packed(**{str(number): "" for number in range(1001)}), "file_too_large"),
        (packed(readme="hello"), "file_unknown"),
        (packed(a="hello")[:-30], "zip_broken"),
        (workbook('<row r="1"><c r="A1"><v>1</v></c></row>'), "header_missing"),
        (b"\0\1\2\3", "encoding_unknown"),
        (b"x" * (MAX_FILE_BYTES + 1), "file_too_large"),
        ('题干,答案\n"开了,水\n'.encode(), "line_broken"),
    ],
)
def test_what_is_no_set_or_means_harm_is_refused_whole(data: bytes, code: str) -> None:
    assert [found for _, found, _ in said(data)] == [code]


def test_a_set_has_an_end_and_so_has_what_is_said_of_it() -> None:
    many = QuestionSet(name="", items=[Item(kind="true_false", text="x", key=["true"])] * 510)
    found = read(gift.write(many).encode())
    assert len(found.items) == MAX_ITEMS
    assert [one.code for one in found.problems] == ["set_too_long"] * 10
    broken = read(("x {\n\n" * 1000 + "y {T}").encode())
    assert len(broken.problems) == MAX_PROBLEMS
    assert broken.problems[-1].code == "more_problems"
    assert "801 more" in broken.problems[-1].hint
