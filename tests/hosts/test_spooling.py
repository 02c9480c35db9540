"""What moves mail in and out of the spool: retries, detours, and mail that has become too old."""

from __future__ import annotations

import pickle
from dataclasses import replace
from time import perf_counter

from helpers.host_by_hand import by_hand, path, port_of

from lab.hosts.destination import LearnedForwards
from lab.hosts.host import Host
from lab.hosts.retry import Retry
from lab.hosts.sending import QueueSender
from lab.hosts.spool import Queue, QueuedMail, Spool
from lab.hosts.timeouts import BLOCK, TIMEOUTS
from lab.protocol import Transaction

SQUARE = ("B C", "B D 2", "C E", "D E")
"""From B to E over C, or dearer over D."""


def sent(host: Host, *to: str, now: float = 0.0) -> Queue:
    """Mail of ann's at B, handed in; the queue that it went into first."""
    host.submit(now, 1, path("ann@B"), [path(name) for name in to], b"hi\r\n")
    return next(iter(host.spool.queues.values()))


def square(**settings: object) -> Host:
    return by_hand("ann", links=SQUARE, **settings)


def test_mail_goes_by_another_next_host_while_the_first_is_down() -> None:
    """Its age is that of before: a detour is no new mail."""
    host = square()
    queue = sent(host, "eve@E")
    assert queue.host == "C"
    expires = queue.entries[0].expires
    host.defer_all(60.0, queue, "C cannot be reached")
    assert queue.entries == []
    assert [mail.expires for mail in host.spool.queues["D"].entries] == [expires]
    assert port_of(host).kinds() == ["submit", "queue", "queue"]
    # and if that is down too, it waits: no next host is tried twice
    host.defer_all(90.0, host.spool.queues["D"], "D cannot be reached")
    assert port_of(host).kinds()[-1] == "defer"
    assert len(host.spool.queues["D"].entries) == 1


def test_mail_for_a_next_host_waits_unless_the_way_alone_is_down() -> None:
    """C itself is waited for; if C runs and the link is down, D may know a way."""
    for cut_off, kind in ((False, "defer"), (True, "queue")):
        host = square()
        queue = sent(host, "carl@C")
        host.defer_all(60.0, queue, "C cannot be reached", cut_off=cut_off)
        assert port_of(host).kinds()[-1] == kind


def test_mail_to_several_hosts_stays_together_on_a_detour() -> None:
    """One copy of the mail is for both: it goes elsewhere only if both may go there."""
    host = by_hand("ann", links=("B C", "B D 2", "B F 2", "C E", "D E", "C G", "F G"))
    queue = sent(host, "eve@E", "gus@G")
    host.defer_all(60.0, queue, "C cannot be reached")
    assert len(queue.entries) == 1
    assert port_of(host).kinds()[-1] == "defer"


def test_mail_of_a_host_that_is_gone_from_the_tables_waits() -> None:
    host = square()
    queue = sent(host, "eve@E")
    recipient, _ = queue.entries[0].addressees[0]
    queue.entries[0].addressees = [(recipient, path("eve@NOWHERE"))]
    host.defer_all(60.0, queue, "C cannot be reached")
    assert len(queue.entries) == 1


def test_mail_that_is_too_old_is_returned_when_its_next_host_is_down() -> None:
    host = square()
    queue = sent(host, "eve@E")
    host.defer_all(host.retry.give_up, queue, "C cannot be reached")
    assert queue.entries == []
    assert port_of(host).kinds() == ["submit", "queue", "refuse", "notify", "deliver"]


def test_a_host_in_a_hurry_returns_mail_at_its_next_failure() -> None:
    """Mail that is in the spool, and mail that comes."""
    host = square()
    queue = sent(host, "eve@E")
    host.give_up_soon(10.0)
    assert len(queue.entries) == 1
    sent(host, "eve@E")
    host.defer_all(60.0, queue, "C cannot be reached")
    assert queue.entries == []
    assert port_of(host).kinds()[-6:] == ["refuse", "notify", "deliver"] * 2


def test_a_host_that_comes_up_gives_mail_that_is_too_old_one_more_try() -> None:
    """A host that goes down in that try too returns the mail when it is up again."""
    host = square(names={})
    queue = sent(host, "eve@E")
    late = host.retry.give_up + 1.0
    host.resume(late)
    assert queue.entries[0].last_chance
    assert port_of(host).wakes[-1] == ("C", late)
    host.resume(late + 1.0)
    assert queue.entries == []
    reason = "C could not be reached, and no more attempts are made: B went down at every attempt"
    assert (port_of(host).rows[-3][1], port_of(host).rows[-3][-1]) == ("refuse", reason)


def test_a_host_that_comes_up_leaves_alone_what_a_session_is_about() -> None:
    host = square()
    queue = sent(host, "eve@E")
    host.resume(host.retry.give_up + 1.0)
    queue.sessions = 1
    wakes = len(port_of(host).wakes)
    host.resume(host.retry.give_up + 2.0)
    assert len(queue.entries) == 1
    assert len(port_of(host).wakes) == wakes


def test_a_queue_is_woken_once_for_its_next_try_and_earlier_if_that_is_earlier() -> None:
    host = square()
    queue = sent(host, "eve@E")
    assert port_of(host).wakes == [("C", 0.0)]
    host.schedule_retry(0.0, queue)
    assert port_of(host).wakes == [("C", 0.0)]
    queue.wake_at = None
    queue.not_before = 60.0
    host.schedule_retry(0.0, queue)
    host.schedule_retry(0.0, queue)
    queue.not_before = 30.0
    host.schedule_retry(0.0, queue)
    assert port_of(host).wakes[1:] == [("C", 60.0), ("C", 30.0)]
    assert queue.ready(29.0) is None
    assert queue.ready(30.0) is queue.entries[0]


def test_a_queue_that_is_empty_or_held_is_not_woken() -> None:
    host = by_hand("ann", holds=("c",))
    sent(host, "carl@C")
    host.schedule_retry(0.0, Queue("A", "arpanet"))
    assert Queue("A", "arpanet").next_try() is None
    assert port_of(host).wakes == []


def test_a_queue_passes_over_mail_that_must_wait() -> None:
    host = by_hand("ann")
    queue = sent(host, "carl@C", now=0.0)
    sent(host, "carl@C", now=0.0)
    queue.entries[0].not_before = 60.0
    assert queue.ready(0.0) is queue.entries[1]
    queue.entries[1].not_before = 60.0
    assert queue.ready(0.0) is None


def test_a_sender_whose_host_crashes_leaves_its_mail_in_the_spool() -> None:
    """The mail in progress goes back to the head of its queue, as it was."""
    host = by_hand("ann")
    queue = sent(host, "carl@C", "cleo@C")
    sender = QueueSender(host, queue)
    assert sender.asked is None
    assert sender.size == 0
    sender.abort()
    outgoing = sender.next()
    assert outgoing is not None
    assert (queue.entries, sender.asked, sender.size) == ([], 0, 4)
    outgoing.answers += [(250, "OK"), (550, "No")]
    assert sender.identify(Transaction()) == (1, ["1"])
    assert sender.ids([1]) == ["2"]
    sender.abort()
    assert queue.entries == [outgoing.tag]
    assert sender.message is None


def test_a_learned_path_is_forgotten_in_every_spelling_and_no_other() -> None:
    learned = LearnedForwards()
    learned.learn(path("bob@C"), path("bob@D"))
    learned.learn(path("ann@C"), path("ann@D"))
    assert learned.find(path("ann@c")) == path("ann@D")
    assert learned.find(path("@D:ann@C")) is None
    assert learned.forget(path("eve@D")) is None
    assert learned.forget(path("ann@d")) == path("ann@C")
    assert learned.find(path("ann@C")) is None
    assert len(learned) == 1


def test_paths_of_any_length_are_looked_up_and_only_short_ones_remembered() -> None:
    """A directory of paths that a peer makes up would fill the memory."""
    host = by_hand("ann")
    destinations = host.destinations
    long = path(f"{'x' * 600}@B")
    assert str(destinations.of(long).refusal) == "550 No such user here"
    assert destinations.of(long) is not destinations.of(long)
    assert destinations.of(path("ann@B")) is destinations.of(path("ann@B"))
    kept = destinations.of(path("ann@B"))
    for number in range(5000):
        destinations.of(path(f"{number}@B"))
    assert destinations.of(path("ann@B")) is not kept


def test_the_waits_of_a_sender_grow_with_the_mail_data() -> None:
    """RFC 1123, 5.3.2: a limit for each reply; for that to the mail data, by the block."""
    assert TIMEOUTS.limit("CONNECT", 0) == 300.0
    assert TIMEOUTS.limit("RCPT", 0) == 300.0
    assert TIMEOUTS.limit("DATA", 0) == 120.0
    assert TIMEOUTS.limit("data", BLOCK + 1) == 600.0 + 2 * 180.0
    assert replace(TIMEOUTS, data=5.0).least == 5.0


def test_settings_are_the_same_in_another_process() -> None:
    settings = by_hand("ann", names={"csnet": "BEE"}).settings
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert settings.all_names == ("B", "BEE")


def test_a_spool_has_a_queue_for_each_next_host() -> None:
    spool = Spool()
    assert spool.queue("C", "arpanet") is spool.queue("C", "arpanet")
    to = path("carl@C")
    spool.queue("C", "arpanet").add(QueuedMail(1, "MAIL", to, to, [("1", to)], b""))
    assert len(spool) == 1


def test_the_wait_for_the_next_try_grows_up_to_the_longest() -> None:
    retry = Retry(first=1.0, factor=3.0, max=5.0)
    assert [retry.delay(failures) for failures in (1, 2, 3, 4)] == [1.0, 3.0, 5.0, 5.0]


def test_waits_that_do_not_grow_are_not_counted_through() -> None:
    """Mail that is tried each second fails many thousand times."""
    assert Retry(first=2.0, factor=1.0, max=9.0).delay(10**12) == 2.0
    assert Retry(first=2.0, factor=1.0, max=1.0).delay(10**12) == 1.0


def queued(number: int, not_before: float = 0.0) -> QueuedMail:
    to = path("carl@C")
    mail = QueuedMail(number, "MAIL", to, to, [("1", to)], b"")
    mail.not_before = not_before
    return mail


def taken(queue: Queue, now: float) -> list[int]:
    """The mail that may be tried at a time, in order; it is taken from the queue."""
    numbers = []
    while (mail := queue.ready(now)) is not None:
        queue.take()
        numbers.append(mail.message)
    return numbers


def test_mail_keeps_its_place_in_the_queue_while_it_waits() -> None:
    """What had to wait goes before what came later, as soon as it may be tried."""
    queue = Queue("C", "arpanet")
    for number, not_before in enumerate((5.0, 0.0, 2.0, 0.0), 1):
        queue.add(queued(number, not_before))
    queue.add_first(queued(9, 3.0))
    assert [mail.message for mail in queue.entries] == [9, 1, 2, 3, 4]
    assert queue.next_try() == 0.0
    assert taken(queue, 1.0) == [2, 4]
    assert queue.next_try() == 2.0
    assert taken(queue, 4.0) == [9, 3]
    assert [mail.message for mail in queue.clear()] == [1]
    assert len(queue) == 0


def test_the_rest_of_a_long_list_of_recipients_takes_the_place_of_the_first() -> None:
    queue = Queue("C", "arpanet")
    for number in (1, 2):
        queue.add(queued(number))
    first = queue.ready(0.0)
    assert first is not None
    queue.take()
    queue.add_at(first.place, queued(7))
    assert taken(queue, 0.0) == [7, 2]


def test_a_step_takes_as_long_whatever_the_queue_holds() -> None:
    """New mail comes and goes while thousands have been told to come again later."""

    def seconds(waiting: int) -> float:
        queue = Queue("C", "arpanet")
        for number in range(waiting):
            queue.add(queued(number, 1000.0 + number))
        best = 1e9
        for _ in range(5):
            begun = perf_counter()
            for number in range(200):
                queue.add(queued(number))
                assert queue.next_try() == 0.0
                assert taken(queue, 1.0) == [number]
            best = min(best, perf_counter() - begun)
        return best

    assert seconds(20_000) < 10 * seconds(20)


def test_mail_that_the_driver_has_yet_to_store_is_tried_when_it_is_stored() -> None:
    host = square()
    port = port_of(host)
    kept: list[QueuedMail] = []

    def keep(_host: str, _queue: Queue, mail: QueuedMail) -> bool:
        kept.append(mail)
        return False

    port.keep = keep  # type: ignore[method-assign]
    queue = sent(host, "eve@E")
    assert (len(queue.entries), port.wakes) == (0, [])
    host.spooling.admit(3.0, queue, kept[0])
    assert (queue.entries, port.wakes) == ([kept[0]], [("C", 3.0)])


def test_a_wake_that_comes_early_enough_stays() -> None:
    """The queue will be woken at 60 s for mail that must wait until then; other mail waits on."""
    host = square()
    queue = Queue("C", "arpanet")
    for not_before in (60.0, 90.0):
        host.spooling.admit(0.0, queue, queued(1, not_before))
    assert port_of(host).wakes == [("C", 60.0)]


def test_only_mail_that_had_its_last_try_leaves_a_queue() -> None:
    host = square()
    old, young = queued(1), queued(2)
    old.expires, old.last_chance, young.expires = 5.0, True, 50.0
    queue = Queue("C", "arpanet")
    for each in (old, young):
        queue.add(each)
    assert host.spooling.last_tries_over(10.0, queue) == [old]
    assert list(queue.entries) == [young]


def test_a_queue_wants_a_session_for_each_message_that_no_session_will_take() -> None:
    host = square(channels=3)
    queue = sent(host, "eve@E")
    sent(host, "eve@E")
    wanted = []
    for sessions, sending in ((0, 0), (1, 0), (2, 0), (2, 1), (3, 3)):
        queue.sessions, queue.sending = sessions, sending
        wanted.append(queue.wants_session(0.0))
    assert wanted == [True, True, False, True, False]


def test_a_host_that_refuses_a_channel_beside_others_is_not_asked_for_more_at_once() -> None:
    host = square(channels=3)
    queue = sent(host, "carl@C")
    queue.sessions = 2
    queue.sending = 2
    QueueSender(host, queue).refused((421, "too many"))
    assert len(queue.entries) == 1
    assert not queue.wants_session(0.0)
    assert queue.wants_session(host.retry.delay(1))
    queue.sessions = 1
    QueueSender(host, queue).refused((421, "too many"))
    assert port_of(host).kinds()[-1] == "defer"


def test_a_second_session_that_fails_with_the_first_is_the_same_failure() -> None:
    """The mail is held back as long as before; mail that has come since is held back too."""
    host = square(channels=2)
    queue = sent(host, "carl@C")
    host.defer_all(60.0, queue, "the channel was lost")
    until = queue.not_before
    sent(host, "carl@C", now=61.0)
    host.defer_all(62.0, queue, "the channel was lost")
    assert (queue.failures, queue.not_before) == (1, until)
    assert port_of(host).kinds() == ["submit", "queue", "defer"] * 2
    sender = QueueSender(host, queue)
    sender.now = 62.0
    assert sender.next() is None
    assert queue.failures == 1
