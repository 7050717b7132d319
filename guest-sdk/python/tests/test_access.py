"""What lies beyond the columns: folders, secrets and HTTP, as a transform sees them."""

import csv
import io
import unittest

import sluicegate
from sluicegate import BadData, Transform, Transient, http, int64, objects, secrets
from sluicegate.access import AccessError
from sluicegate.harness import Harness


def harness(reach, **declared):
    """A harness of a transform that calls `reach` in each batch."""

    class Reaches(Transform):
        def bind(self, plan, params):
            plan.pass_all()

        def process(self, batch, out):
            reach()
            out.all()

    return Harness(Reaches, {"x": int64}, **declared)


def reached(reach, **declared):
    """What `reach` gives in a transform whose step declares that."""
    given = []
    harness(lambda: given.append(reach()), **declared).process({"x": [1]})
    return given[0]


class Objects(unittest.TestCase):
    def test_an_object_is_read_whole_in_part_and_as_a_file(self):
        def reach():
            with objects.open("in") as folder:
                with folder.open("a.csv", "r") as file:
                    rows = [*csv.reader(file)]
                with folder.open("a.csv", buffering=2) as file:
                    file.seek(-3, io.SEEK_END)
                    end = file.read()
                    parts = file.seek(2), file.read(1), file.tell(), file.read(1), file.seek(90), file.read()
                return folder.read("a.csv"), folder.read("a.csv", 2, 3), folder.read("a.csv", 99), rows, end, parts

        whole, part, beyond, rows, end, parts = reached(reach, objects={"in": {"a.csv": "a,b\n1,é\n"}})
        self.assertEqual((whole, part, beyond), ("a,b\n1,é\n".encode(), b"b\n1", b""))
        self.assertEqual((rows, end), ([["a", "b"], ["1", "é"]], "é\n".encode()))
        self.assertEqual(parts, (2, b"b", 3, b"\n", 90, b""))

    def test_a_large_object_is_read_in_several_calls(self):
        data = bytes(range(256)) * (40 << 10)
        whole, part, text = reached(
            lambda: (
                objects.open("in").read("a"),
                objects.open("in").read("a", 5, 9 << 20),
                objects.open("in").open("a").read(),
            ),
            objects={"in": {"a": data}},
        )
        self.assertTrue(whole == data and part == data[5 : 5 + (9 << 20)] and text == data)

    def test_a_listing_has_all_pages_in_order(self):
        folder = {f"days/{day:04}": b"x" * day for day in range(2500)} | {"daysoff": b"", "a": b""}
        listed, all, some = reached(
            lambda: (
                [*objects.open("in").list("days")],
                len([*objects.open("in")]),
                next(objects.open("in").list()),
            ),
            objects={"in": folder},
        )
        self.assertEqual([entry.size for entry in listed], [*range(2500)])
        self.assertEqual((listed[7].path, all, some), ("days/0007", 2502, objects.Object("a", 0)))

    def test_what_is_written_and_deleted_appears_with_the_runs_end(self):
        out = {"old": b""}

        def reach():
            with objects.open("out") as folder:
                with folder.create("a.csv") as writer:
                    csv.writer(writer, lineterminator="\n").writerow(["é", 1])
                    print("more", file=writer)
                    writer.write(b"\0\1")
                with folder.create("large") as writer:
                    writer.write(memoryview(bytes(17 << 20)))
                done = folder.create("b").finish()
                folder.delete("old")
                return done, [entry.path for entry in folder]

        case = harness(lambda: given.append(reach()), objects={"out": out})
        given = []
        case.process({"x": [1]})
        self.assertEqual((given, [*out]), ([(objects.Object("b", 0), ["old"])], ["old"]))
        case.finish()
        self.assertEqual(out, {"a.csv": "é,1\nmore\n\0\1".encode(), "large": bytes(17 << 20), "b": b""})

    def test_a_writer_that_an_exception_leaves_leaves_nothing(self):
        out = {}

        def reach():
            try:
                with objects.open("out").create("a") as writer:
                    writer.write("half")
                    raise KeyError("boom")
            except KeyError:
                pass
            with self.assertRaisesRegex(ValueError, "the writer of `a` in folder `out` is finished"):
                writer.write("more")

        case = harness(reach, objects={"out": out})
        case.process({"x": [1]})
        case.finish()
        self.assertEqual(out, {})

    def test_errors_have_kinds_and_are_those_that_python_has(self):
        def kind(expected, call):
            with self.assertRaises(expected) as caught:
                call()
            self.assertIsInstance(caught.exception, AccessError)
            return caught.exception.kind

        def reach():
            folder = objects.open("in")
            folder.create("new").finish()
            return [
                kind(PermissionError, lambda: objects.open("other")),
                kind(FileNotFoundError, lambda: folder.read("absent")),
                kind(FileNotFoundError, lambda: folder.open("absent")),
                kind(ValueError, lambda: folder.head("../x")),
                kind(FileExistsError, lambda: folder.create("a")),
                kind(FileExistsError, lambda: folder.create("new", overwrite=True)),
                folder.create("a", overwrite=True).finish().size,
            ]

        kinds = reached(reach, objects={"in": {"a": b""}})
        self.assertEqual(kinds, ["denied", "missing", "missing", "malformed", "exists", "exists", 0])

    def test_an_error_that_is_not_caught_is_a_fault(self):
        with self.assertRaisesRegex(BadData, "Missing: .*`absent`.*no such object.*, at .*test_access.py:"):
            reached(lambda: objects.open("in").read("absent"), objects={"in": {}})

        for error in objects.Unavailable, http.Timeout, http.ConnectionFailed:

            def fails(_):
                raise error("it is away")

            with self.assertRaisesRegex(Transient, "it is away"):
                reached(lambda: http.request("GET", "http://a"), http=fails)


class Secrets(unittest.TestCase):
    def test_a_declared_secret_is_read_and_no_other(self):
        self.assertEqual(reached(lambda: secrets.read("key"), secrets={"key": "é"}), "é")
        with self.assertRaisesRegex(BadData, "Denied: the step does not declare `other`"):
            reached(lambda: secrets.read("other"), secrets={"key": "é"})


class Http(unittest.TestCase):
    def test_a_request_is_answered(self):
        def answer(request):
            self.assertEqual((request.method, request.target, request.timeout), ("POST", "/v1?q=1", 5))
            self.assertEqual((request.scheme, request.authority), ("https", "example.com:8443"))
            self.assertEqual((request.body, request.headers), ("é".encode(), {"x-a": "1", "content-length": "2"}))
            return http.Response(201, [("X-B", "1"), ("x-b", "2")], '{"rate": 1.5}')

        url = "https://example.com:8443/v1?q=1#part"
        response = reached(lambda: http.request("post", url, headers={"X-A": 1}, body="é", timeout=5), http=answer)
        self.assertEqual((response.status, response.ok, response.headers), (201, True, {"x-b": "1, 2"}))
        self.assertEqual((response.json(), response.text()), ({"rate": 1.5}, '{"rate": 1.5}'))

    def test_a_body_is_bounded(self):
        def of(size, **more):
            return len(
                reached(
                    lambda: http.request("GET", "http://a", **more), http=lambda _: http.Response(200, body=bytes(size))
                ).body
            )

        self.assertEqual((of(8 << 20), of(9, max_bytes=9)), (8 << 20, 9))
        for size, more in ((8 << 20) + 1, {}), (10, {"max_bytes": 9}):
            with self.assertRaisesRegex(
                BadData, f"TooLarge: GET http://a: the response has more than {more.get('max_bytes', 8 << 20)} bytes"
            ):
                of(size, **more)

    def test_what_cannot_be_sent_is_told(self):
        for url in ("ftp://a/", "/path", "http://", "http://u:p@a/", "http://a:b/", "http://[a/"):
            with self.assertRaisesRegex(http.BadRequest, "is no URL") as caught:
                http.request("GET", f"{url}?key=secret")
            self.assertNotRegex(str(caught.exception), "secret|u:p")
        with self.assertRaises(BadData):
            reached(lambda: http.request("GET", "http://a"))

    def test_errors_are_those_that_python_has(self):
        for error, base in (
            (http.Timeout, TimeoutError),
            (http.ConnectionFailed, ConnectionError),
            (http.BadRequest, ValueError),
        ):
            self.assertTrue(issubclass(error, base) and issubclass(error, http.HttpError))
        self.assertIs(http.Denied, objects.Denied)


class Package(unittest.TestCase):
    def test_modules_are_found_in_the_package(self):
        self.assertIs(sluicegate.objects, objects)
        with self.assertRaisesRegex(AttributeError, "has no attribute `sockets`"):
            sluicegate.sockets


if __name__ == "__main__":
    unittest.main()
