"""What the store's verbs read: npz files, other stores, a store that is damaged."""
import os
import sqlite3
import struct

import formats as f
from case import ADAPTER, Case, embed, with_file

IMPORT = ["import", "--store", "s.db", "bad.npz"]


def npz(name, says, content):
    return with_file(f"npz: {name}", "bad.npz", content, IMPORT, ["bad.npz", *says])


def array(name, says, content, which="embeddings"):
    return npz(name, [which, *says], f.embeddings_npz(["a", "b"], change={f"{which}.npy": content}))


def run_sql(file, script):
    db = sqlite3.connect(file)
    db.execute("PRAGMA writable_schema = ON")
    db.executescript(script)
    db.commit()
    db.close()


def store(name, says, change, command=("ls",), **more):
    """A sound store of three rows, changed by a function or by SQL."""
    def make(folder):
        file = folder / "s.db"
        f.make_store(file, ["a", "b", "c"])
        if callable(change):
            change(file)
        else:
            run_sql(file, change)

    return Case(f"store: {name}", make, [*command, "--store", "s.db"], ["s.db", *says], **more)


def change_row(table, change):
    """SQL that changes what variant a has in a table."""
    key = "id" if table == "measurement" else "measurement"
    return (f"UPDATE {table} SET {change} WHERE {key} = (SELECT m.id FROM measurement m JOIN variant v "
            "ON v.id = m.variant WHERE v.name = 'a');")


def poke(at, content):
    def change(file):
        data = bytearray(file.read_bytes())
        data[at:at + len(content)] = content
        file.write_bytes(bytes(data))
    return change


def npz_cases():
    good = f.embeddings_npz(["a", "b"])
    yield npz("an empty file", [], b"")
    yield npz("a text", [], b"no archive")
    yield npz("cut off", [], good[:-10])
    yield npz("cut in the middle", [], good[:len(good) // 2])
    yield npz("a pickle", [], f.pickled(b"cos\nsystem\n(X\x04\0\0\0truetR"))
    yield npz("a single npy", [], f.npy("<f4", (2, 4), bytes(32)))
    yield npz("no embeddings", ["embeddings"], f.embeddings_npz(["a"], change={"embeddings.npy": None}))
    yield npz("no names", ["model_names"], f.embeddings_npz(["a"], change={"model_names.npy": None}))
    yield npz("more names than rows", ["embeddings"],
              f.embeddings_npz(["a", "b", "c"], change={"embeddings.npy": f.npy("<f4", (2, 4), bytes(32))}))
    yield npz("an entry twice", ["embeddings.npy"],
              good.replace(b"model_names.npy", b"embeddings.npy\0"[:15]).replace(b"embeddings.npy\0",
                                                                                 b"embeddings.npy "))
    yield array("objects", ["Python objects"], f.npy("|O", (2, 4), b"\x80\x04cos\nsystem\n(X\x04\0\0\0truetR."))
    yield array("complex numbers", [], f.npy("<c8", (2, 4), bytes(64)))
    yield array("integers as embeddings", [], f.npy("<i8", (2, 4), bytes(64)))
    yield array("numbers as names", [], f.npy("<f4", (2,), bytes(8)), "model_names")
    yield array("rows without numbers", [], f.npy("<f4", (2, 0), b""))
    yield array("one dimension", [], f.npy("<f4", (2,), bytes(8)))
    yield array("four dimensions", [], f.npy("<f4", (2, 1, 1, 2), bytes(16)))
    yield array("a shape of 2^62", [], f.npy("<f4", (2**62, 4), bytes(32)))
    yield array("a shape of 2^62 and nothing", [], f.npy("<f4", (2**62, 0), b""))
    yield array("a shape of 10^30", [], f.npy("<f4", (10**30,), bytes(32)))
    yield array("a negative shape", [], f.npy("<f4", (-2, 4), bytes(32)))
    yield array("fewer bytes than the shape", [], f.npy("<f4", (2, 4), bytes(30)))
    yield array("a header without an end", [], f.npy_raw("{'descr': '<f4', "))
    yield array("a header of code", [], f.npy_raw("__import__('os').system('true')"))
    yield npz("a header of 4 GB", ["header"],
              f.embeddings_npz(["a"], change={"embeddings.npy": b"\x93NUMPY\2\0\xff\xff\xff\xff{}"}))
    yield array("a header nested deep", [], f.npy_raw("{'descr': " + "[" * 30000, version=2))
    yield array("version 9", [], f.npy_raw("{}", version=9))
    yield array("texts of 2^61 characters", [], f.npy("<U2305843009213693952", (1,), b""), "model_names")
    yield array("code points that are none", [], f.npy("<U1", (2,), b"\xff" * 8), "model_names")
    yield array("NaN in an embedding", [], f.npy("<f4", (2, 4), struct.pack("<8f", *[float("nan")] * 8)))
    yield array("1e300 in an embedding", [], f.npy("<f8", (2, 4), struct.pack("<8d", *[1e300] * 8)))
    yield npz("a bomb of 1 GB", ["embeddings"],
              lambda: f.zip_of({"embeddings.npy": f.npy("<f4", (2, 2**27), bytes(2**30))}, compress=True))
    deep = '{"format": "deltascape", "rows": ' + "[" * 200000 + "]" * 200000 + "}"
    yield array("information nested 200000 deep", ["nesting"], f.npy_texts([deep], ()), "probe_info")
    for count, says in ((2**22, []), (2**24, ["probe_info"])):
        def wide(count=count):
            text = '{"rows": [' + "[]," * count + "[]], }"
            return f.embeddings_npz(["a"],
                                    change={"probe_info.npy": f.npy_texts([text], ()),
                                            "pad.npy": f.npy("|u1", (2**21,), os.urandom(2**21))},
                                    compress=True)
        yield npz(f"information of {count} empty lists", says, wide)


def store_cases():
    yield with_file("store: a text", "s.db",
                    "no database, but a text that is long enough to hold a header of SQLite, I think" * 3,
                    ["ls", "--store", "s.db"], ["s.db"])
    yield with_file("store: an empty file", "s.db", b"", ["ls", "--store", "s.db"], ["s.db", "empty"])
    yield with_file("store: SQLite's header alone", "s.db", b"SQLite format 3\0", ["ls", "--store", "s.db"], ["s.db"])
    yield store("somebody else's", [], "PRAGMA application_id = 5;")
    yield store("of a later version", ["schema"], "PRAGMA user_version = 99;")
    yield store("without its table", [], "DROP TABLE variant;")
    yield store("with another table", [], "DROP TABLE variant; CREATE TABLE variant (x);")
    yield store("with a view in the table's place", [],
                "ALTER TABLE variant RENAME TO v2; CREATE VIEW variant AS SELECT * FROM v2;")
    yield store("with a view that never ends", [],
                "ALTER TABLE variant RENAME TO v2; CREATE VIEW variant AS WITH RECURSIVE r(x) AS "
                "(SELECT 1 UNION ALL SELECT x FROM r) SELECT v2.* FROM v2, r;")
    yield store("with a virtual table", [],
                "ALTER TABLE variant RENAME TO v2; CREATE VIRTUAL TABLE variant USING fts4(a);")
    loads = "UPDATE sqlite_schema SET sql = 'CREATE TABLE variant (id INTEGER PRIMARY KEY, name TEXT AS (load_extension(''./x.so'')))' WHERE name = 'variant';"
    yield store("whose table runs a function", [], loads)
    yield store("whose schema is no SQL", [],
                "UPDATE sqlite_schema SET sql = 'DROP EVERYTHING' WHERE name = 'variant';")
    for table, column, value in (("vector", "mean", "x'00'"), ("vector", "mean", "zeroblob(100000000)"),
                                 ("detail", "per_probe", "zeroblob(84)"), ("detail", "standard_error", "zeroblob(3)"),
                                 ("measurement", "dim", "5"), ("measurement", "layers", "-1"),
                                 ("measurement", "probe_count", "4611686018427387904"),
                                 ("measurement", "kind", "'gram'")):
        yield store(f"a row whose {column} is {value}", ["a", "" if table == "measurement" else column],
                    change_row(table, f"{column} = {value}"), ("near", "b"))
    yield store("a row of no space", ["a", "space"], change_row("measurement", "space = 7"))
    for parameters in ("", "[]", '{"layer": 1}', "[" * 100000):
        yield store(f"a space whose parameters are {parameters[:20]!r}", ["parameters"],
                    f"UPDATE space SET parameters = '{parameters}';", ("near", "b"))
    nan = "x'" + struct.pack("<4f", *[float("nan")] * 4).hex() + "'"
    yield store("a row of NaN", ["a"], change_row("vector", f"mean = {nan}"), ("near", "b"))
    yield store("a row whose norm is infinite", ["a", "norm"], change_row("measurement", "norm = 9e999"), ("near", "b"))
    yield store("a row without a name", ["name"], "UPDATE variant SET name = '' WHERE name = 'a';", ("near", "b"))
    yield store("a name that is not there", [], "", ("show", "zzz"))
    yield store("a page of zeros", [], poke(4096, bytes(4096)))
    yield store("a page of ones", [], poke(4096, b"\xff" * 4096))
    yield store("the first page cut", [], lambda file: file.write_bytes(file.read_bytes()[:1000]))
    yield store("cut off", [], lambda file: file.write_bytes(file.read_bytes()[:5000]))
    yield store("pages of 5 bytes", [], poke(16, b"\0\5"))
    yield store("a file format of 99", [], poke(18, b"\x63\x63"), ("rm", "a"))
    yield with_file("store: an import from a text", "o.db", "text " * 200, ["import", "--store", "s.db", "o.db"],
                    ["o.db"])

    for damage, names in (("vector SET mean = x'00'", ["o.db", "b"]), ("variant SET name = ''", ["o.db", "name"])):
        def two(folder, damage=damage):
            f.make_store(folder / "s.db", ["a"])
            f.make_store(folder / "o.db", ["b"])
            run_sql(folder / "o.db", f"UPDATE {damage}")

        yield Case(f"store: an import of a row whose {damage}", two, ["import", "--store", "s.db", "o.db"], names)
    yield Case("store: an import of itself that is missing", lambda folder: None,
               ["import", "--store", "s.db", "none.db"], ["none.db"],
               absent=("none.db",))
    yield Case("store: embed into a text", lambda folder: f.write(folder / "s.db", "text " * 200),
               ["embed", "--base", "../sound/base", "--store", "s.db", ADAPTER], ["s.db"])
    yield Case("npz: embed over a folder", lambda folder: (folder / "out.npz").mkdir(), embed(ADAPTER), ["out.npz"])


def cases():
    yield from npz_cases()
    yield from store_cases()
