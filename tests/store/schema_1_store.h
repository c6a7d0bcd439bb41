// A store as the program made it when its schema was 1 (dumped by SQLite), and what that program exported of it.
#pragma once

namespace deltascape::store {

// Variants in one or two spaces, another base, aliases, clusters.
inline constexpr const char* kSchema1Store = R"sql(
CREATE TABLE alias (
  text TEXT NOT NULL, variant_hash TEXT NOT NULL,
  PRIMARY KEY (text, variant_hash)) WITHOUT ROWID;
INSERT INTO alias VALUES('/pool/law','h1');
INSERT INTO alias VALUES('law-old','h1');
CREATE TABLE cluster (
  variant INTEGER PRIMARY KEY REFERENCES variant (id) ON DELETE CASCADE,
  cluster INTEGER NOT NULL, name TEXT NOT NULL);
INSERT INTO cluster VALUES(1,0,'law');
INSERT INTO cluster VALUES(3,0,'law');
CREATE TABLE space (
  id INTEGER PRIMARY KEY,
  base TEXT NOT NULL, tokenizer TEXT NOT NULL, probes TEXT NOT NULL,
  representation TEXT NOT NULL, layer TEXT NOT NULL, position TEXT NOT NULL,
  UNIQUE (base, tokenizer, probes, representation, layer, position));
INSERT INTO space VALUES(1,'hash of tiny','tokenizer','probes','activations','last','last');
INSERT INTO space VALUES(2,'hash of tiny','tokenizer','probes','activations','all','last');
INSERT INTO space VALUES(3,'hash of /models/other.gguf','tokenizer','probes','activations','last','last');
CREATE TABLE variant (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE, label TEXT NOT NULL, path TEXT NOT NULL,
  variant_hash TEXT NOT NULL, space INTEGER NOT NULL REFERENCES space (id), base_name TEXT NOT NULL,
  program_version TEXT NOT NULL, device TEXT NOT NULL, precision TEXT NOT NULL, created TEXT NOT NULL,
  probe_count INTEGER NOT NULL, dim INTEGER NOT NULL, layers INTEGER NOT NULL,
  norm REAL NOT NULL, relative_norm REAL NOT NULL, numeric_error REAL NOT NULL, no_effect INTEGER NOT NULL,
  mean BLOB NOT NULL, per_probe BLOB NOT NULL, standard_error BLOB NOT NULL,
  UNIQUE (variant_hash, space));
INSERT INTO variant VALUES(1,'law','law','/old/law','h1',1,'tiny','0.1.0','cpu','fp32',
  '2025-01-01T00:00:00Z',2,2,1,1.03077640640441514641e+00,1.03077640640441517416e-01,0.0,0,X'0000803F0000803E',X'0000803F000000000000803F0000003F',X'000000000000803E');
INSERT INTO variant VALUES(2,'law-all','law','/copy/law','h1',2,'tiny','0.1.0','cpu','fp32',
  '2025-01-01T00:00:00Z',5,2,3,1.41421356237309514547e+00,1.41421356237309503445e-01,0.0,0,X'0000803F00000000000000000000803F0000803F0000803F',X'',X'000000000000000000000000000000000000000000000000');
INSERT INTO variant VALUES(3,'math','math','/pool/math','h2',1,'tiny','0.1.0','cpu','fp32',
  '2025-01-01T00:00:00Z',2,2,1,1.00778221853731864143e+00,1.00778221853731864143e-01,0.0,0,X'0000003E0000803F',X'000000000000803F0000803E0000803F',X'0000003E00000000');
INSERT INTO variant VALUES(4,'still','','org/still','h3',1,'tiny','0.1.0','cpu','fp32',
  '2025-01-01T00:00:00Z',2,2,1,0.0,0.0,0.0,1,X'0000000000000000',X'00000000000000000000000000000000',X'0000000000000000');
INSERT INTO variant VALUES(5,'other','','/models/other','h4',3,'/models/other.gguf','0.1.0','cpu','fp32',
  '2025-01-01T00:00:00Z',1,2,1,5.0,0.5,0.0,0,X'0000404000008040',X'0000404000008040',X'0000000000000000');
CREATE INDEX alias_content ON alias (variant_hash);
CREATE INDEX variant_path ON variant (path);
PRAGMA application_id = 0x44534350;
PRAGMA user_version = 1;
)sql";

// Leaves the rows of one space, which exports hold unchanged.
inline constexpr const char* kOneSpaceAlone = "DELETE FROM variant WHERE id IN (2, 5)";
inline constexpr const char* kJsonOfOneSpace =
    R"json({"format":"deltascape-records","records":[{"aliases":["/pool/law","law-old"],"base":"hash of tiny","base_name":"tiny","cluster":{"id":0,"name":"law"},"created":"2025-01-01T00:00:00Z","device":"cpu","dim":2,"embedding":[1.0,0.25],"label":"law","layer":"last","layers":1,"name":"law","no_effect":false,"norm":1.0307764064044151,"numeric_error":null,"path":"/old/law","per_probe":[1.0,0.0,1.0,0.5],"position":"last","precision":"fp32","probe_count":2,"probes":"probes","program_version":"0.1.0","relative_norm":0.10307764064044152,"representation":"activations","standard_error":[0.0,0.25],"tokenizer":"tokenizer","variant_hash":"h1"},)json"
    R"json({"aliases":[],"base":"hash of tiny","base_name":"tiny","cluster":{"id":0,"name":"law"},"created":"2025-01-01T00:00:00Z","device":"cpu","dim":2,"embedding":[0.125,1.0],"label":"math","layer":"last","layers":1,"name":"math","no_effect":false,"norm":1.0077822185373186,"numeric_error":null,"path":"/pool/math","per_probe":[0.0,1.0,0.25,1.0],"position":"last","precision":"fp32","probe_count":2,"probes":"probes","program_version":"0.1.0","relative_norm":0.10077822185373186,"representation":"activations","standard_error":[0.125,0.0],"tokenizer":"tokenizer","variant_hash":"h2"},)json"
    R"json({"aliases":[],"base":"hash of tiny","base_name":"tiny","cluster":null,"created":"2025-01-01T00:00:00Z","device":"cpu","dim":2,"embedding":[0.0,0.0],"label":"","layer":"last","layers":1,"name":"still","no_effect":true,"norm":0.0,"numeric_error":null,"path":"org/still","per_probe":[0.0,0.0,0.0,0.0],"position":"last","precision":"fp32","probe_count":2,"probes":"probes","program_version":"0.1.0","relative_norm":0.0,"representation":"activations","standard_error":[0.0,0.0],"tokenizer":"tokenizer","variant_hash":"h3"}],"version":1})json"
    "\n";

}  // namespace deltascape::store
