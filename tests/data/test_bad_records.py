"""BadRecords: each is listed once, so many of them, and all are counted, by any threads."""

from __future__ import annotations

import threading

from minicaffe.data.bad_records import LISTED, BadRecords
from minicaffe.errors import DataError


def test_each_is_listed_once(caplog):
    bad = BadRecords()
    for key in (b"a", b"b", b"a"):
        bad.add(key, DataError("broken", "db", key.decode()))
    assert [record.getMessage() for record in caplog.records] == [
        "skip_bad leaves out db (a): broken",
        "skip_bad leaves out db (b): broken",
    ]
    assert len(bad) == 2


def test_not_all_are_listed(caplog):
    bad = BadRecords()
    for index in range(LISTED + 50):
        bad.add(b"%d" % index, DataError(str(index)))
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == LISTED + 1
    assert messages[-1] == "skip_bad: further records are counted, not listed"


def test_the_count_is_logged_when_it_has_grown(caplog):
    bad = BadRecords()
    bad.report()
    assert not caplog.records
    for key in (b"a", b"b", b"a"):
        bad.add(key, DataError("broken"))
    bad.report()
    bad.report()
    counts = [text for r in caplog.records if "has left" in (text := r.getMessage())]
    assert counts == ["skip_bad has left out 2 record(s) so far, 3 time(s)"]


def test_threads_lose_none(caplog):
    bad = BadRecords()

    def add():
        for index in range(300):
            bad.add(b"%d" % index, DataError(""))

    threads = [threading.Thread(target=add) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bad.report()
    assert caplog.records[-1].getMessage().endswith("300 record(s) so far, 1,500 time(s)")


def test_batches_are_listed_in_the_order_in_which_they_were_begun(caplog):
    bad = BadRecords()
    for batch in (4, 5, 6, 7):
        bad.begin(batch, report=batch == 6)
    for batch, keys in ((7, "d"), (5, "bc"), (4, "a")):
        bad.done(batch, [(key.encode(), DataError(key)) for key in keys])
    assert [record.getMessage()[-1] for record in caplog.records] == ["a", "b", "c"]
    bad.done(6)
    assert [record.getMessage() for record in caplog.records][3:] == [
        "skip_bad has left out 3 record(s) so far, 3 time(s)",
        "skip_bad leaves out d",
    ]


def test_what_will_never_be_done_is_not_waited_for(caplog):
    bad = BadRecords()
    bad.begin(0)
    bad.begin(9, anew=True)
    bad.done(9, [(b"a", DataError("a"))])
    assert len(caplog.records) == 1
