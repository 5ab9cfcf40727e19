"""From the samples that a process keeps to the row of a level."""

import pytest

from loadtest.errors import LoadTestError
from loadtest.load.answers import check_answers
from loadtest.load.counts import Counts
from loadtest.load.keeper import Assignment, Keeper, Sample, judge
from loadtest.load.questions import Answer, Question, parse_answers
from loadtest.load.rows import Level, make_row, mean_stages, of_phase
from loadtest.load.tables import describe, latency_table, stage_table
from loadtest.result import LoadRow

QUESTIONS = [Question("Who?", "x" * 10), Question("When?", "x" * 20)]
KNOWN = Answer("He", 0, 2)
REPLY = b'{"answer": "He", "start": 0, "end": 2}'


def sample(ms: float, outcome: str = "right", question: int = 0, **phases: int) -> Sample:
    sent, done = phases.get("sent", 1), phases.get("done", 1)
    return Sample("/answer", question, sent, done, ms, 0.5, outcome, "infer;dur=2, total;dur=4")


def row(*samples: Sample) -> LoadRow:
    return make_row(
        samples,
        QUESTIONS,
        Level("closed", 2),
        system="gateway onnx_fp32",
        route="/answer",
        number=0,
        seconds=2.0,
        settled=True,
    )


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, REPLY, "right"),
        (200, REPLY.replace(b"0", b"1"), "wrong"),
        (200, b"", "wrong"),
        (429, b"{}", "429"),
        (0, None, "transport"),
    ],
)
def test_outcomes(status: int, body: bytes | None, outcome: str) -> None:
    (answer,) = parse_answers(body or b"", "/answer")
    assert judge(status, answer, KNOWN) == outcome


def test_processes_ask_all_questions_each_in_an_order_of_its_own() -> None:
    questions = [Question(str(each), "x") for each in range(20)]
    known = {"/": [KNOWN] * 20}
    orders = []
    for process in range(2):
        keeper = Keeper()
        keeper.assign(Assignment("http://a", "closed", 1.0, questions, known), process)
        orders.append([keeper.next_question() for _ in range(20)])
        assert keeper.next_question() == orders[-1][0]  # again from the start
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(20))
    assert orders[0] != orders[1]


def test_samples_are_taken_once() -> None:
    keeper = Keeper()
    keeper.samples.append(sample(1.0))
    assert keeper.take() == [sample(1.0)]
    assert keeper.take() == []


def test_what_counts_for_a_phase() -> None:
    """A closed loop counts the questions answered in a phase, an open one those due in it."""
    before, inside, after = sample(1, sent=1, done=2), sample(2, sent=2, done=2), sample(3, sent=2)
    after = after._replace(done=3)
    samples = [before, inside, after]
    assert of_phase(samples, "closed", 2) == [before, inside]
    assert of_phase(samples, "open", 2) == [inside, after]


def test_failures_and_wrong_answers_are_apart_from_latencies() -> None:
    made = row(
        *(sample(10.0), sample(20.0, question=1), sample(30.0, "wrong")),
        *(sample(1.0, "429"), sample(2.0, "429"), sample(3.0, "transport")),
    )
    assert made.latencies == (10.0, 20.0)
    assert made.context_characters == (10, 20)
    assert made.failures == {"429": 2, "transport": 1}
    assert made.wrong == 1
    assert made.throughput == 1.0
    assert made.stages == {"infer": 2.0, "total": 4.0}
    assert made.send_delay == 0.5
    assert describe(made) == "1.0 answers/s, p99 20.0 ms, 3 failed"


def test_a_level_at_which_nothing_came_back() -> None:
    made = row()
    assert (made.latencies, made.failures, made.throughput, made.send_delay) == ((), {}, 0.0, 0.0)
    assert latency_table([made]).row_count == stage_table([made]).row_count == 1


def test_server_timing() -> None:
    first = "tokenize;dur=1.00, infer;dur=10.00, total;dur=12.00"
    assert mean_stages([first, "infer;dur=20.00, total;dur=22", "", "nonsense"]) == {
        "tokenize": 1.0,
        "infer": 15.0,
        "total": 17.0,
    }


def test_padding_and_batches_are_those_of_the_time_between() -> None:
    gateway = """
# TYPE electra_qa_tokens_total counter
electra_qa_tokens_total {}
electra_qa_positions_total {}
"""
    triton = """
nv_inference_count{{model="a",version="1"}} {}
nv_inference_exec_count{{model="a",version="1"}} {}
nv_inference_count{{model="b",version="1"}} 1
"""
    before = Counts.read(gateway.format("100.0", "384.0"), triton.format(10, 10))
    after = Counts.read(gateway.format("676.0", "1536.0"), triton.format(40, 20))
    assert (after - before).padding_ratio == pytest.approx(0.5)
    assert (after - before).mean_batch == pytest.approx(3.0)
    assert (before - before).padding_ratio is None
    assert Counts.read("", "") == Counts()


def test_a_wrong_answer_is_an_error_unless_it_may_depend_on_the_batch() -> None:
    right, wrong = row(sample(1.0)), row(sample(1.0), sample(1.0, "wrong"))
    assert check_answers([right], "onnx_fp32") is None
    with pytest.raises(LoadTestError, match=r"1 of 3 replies \(33 %\) differ"):
        check_answers([right, wrong], "onnx_fp32")
    said = check_answers([right, wrong], "onnx_int8")
    assert said is not None
    assert "expected, as onnx_int8 scales its activations" in said
