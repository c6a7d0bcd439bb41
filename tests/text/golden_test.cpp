// Every id of every line against the tokenizers' own libraries (tests/make_tokenizer_goldens.py).
#include <gmock/gmock.h>

#include <algorithm>

#include "coverage_log.h"
#include "io/gguf.h"
#include "text/text_goldens.h"
#include "text/tokenizer.h"

namespace deltascape::text {
namespace {

using Ids = std::vector<std::int32_t>;

std::string show(const Ids& ids) { return io::Json(ids).dump(); }

struct Loaded {
  std::unique_ptr<io::GgufFile> gguf;
  std::unique_ptr<Tokenizer> tokenizer;
};

Loaded load(const std::filesystem::path& goldens, const io::Json& entry) {
  Loaded out;
  if (entry.contains("gguf")) {
    out.gguf = io::GgufFile::open(goldens / entry["gguf"].get<std::string>());
    out.tokenizer = load_tokenizer(*out.gguf);
  } else {
    out.tokenizer = load_tokenizer(goldens / entry["folder"].get<std::string>());
  }
  return out;
}

// How many lines differ; the first few are reported.
int compare(const Tokenizer& tokenizer, const io::Json& lines, const io::Json& expected, const EncodeOptions& options,
            const std::string& what) {
  int wrong = 0;
  EXPECT_EQ(lines.size(), expected.size()) << what;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (expected[i].is_null()) continue;
    const Ids want = expected[i].get<Ids>();
    const Ids got = tokenizer.encode(lines[i].get_ref<const std::string&>(), options);
    if (got == want) continue;
    if (++wrong <= 3) {
      ADD_FAILURE() << what << ", line " << i << " " << lines[i].dump().substr(0, 200) << "\n  expected "
                    << show(want).substr(0, 400) << "\n  found    " << show(got).substr(0, 400);
    }
  }
  return wrong;
}

std::int64_t compared(const io::Json& expected) {
  return std::ranges::count_if(expected, [](const io::Json& ids) { return !ids.is_null(); });
}

TEST(TokenizerGoldens, EveryIdOfEveryLine) {
  const auto goldens = golden_folder();
  const io::Json lines = io::read_json(goldens / "lines.json");
  const io::Json random = io::read_json(goldens / "random_lines.json");
  EXPECT_EQ(random.size(), 1500u);
  const io::Json index = io::read_json(goldens / "index.json");
  EXPECT_GE(lines.size(), 300u);
  for (const io::Json& entry : index) {
    const std::string name = entry["name"];
    SCOPED_TRACE(name);
    try {
      const Loaded loaded = load(goldens, entry);
      const io::Json golden = io::read_json(goldens / name / "golden.json");
      int wrong = compare(*loaded.tokenizer, lines, golden["ids"], {}, name);
      if (golden.contains("random")) {
        wrong += compare(*loaded.tokenizer, random, golden["random"], {}, name + " (random)");
      }
      if (golden.contains("plain")) {
        wrong += compare(*loaded.tokenizer, lines, golden["plain"], {.add_special_tokens = false}, name + " (plain)");
        for (const auto& [length, expected] : golden["cut"].items()) {
          wrong += compare(*loaded.tokenizer, lines, expected, {.max_length = std::stoul(length)},
                           name + " cut to " + length);
        }
        EXPECT_EQ(loaded.tokenizer->vocabulary_size(), golden["vocabulary_size"].get<std::size_t>());
      }
      EXPECT_EQ(wrong, 0) << name;
      deltascape::testing::log_coverage(
          "tokenizers", {{"name", name},
                         {"path", (goldens / entry.value(entry.contains("gguf") ? "gguf" : "folder", name)).string()},
                         {"lines", compared(golden["ids"])},
                         {"random", golden.contains("random") ? compared(golden["random"]) : 0},
                         {"wrong", wrong}});
    } catch (const std::exception& error) {
      ADD_FAILURE() << name << ": " << error.what();
    }
  }
}

// Where llama.cpp itself could be asked, too.
TEST(TokenizerGoldens, LlamaCppAgreesOnGgufVocabularies) {
  const auto goldens = golden_folder();
  const io::Json lines = io::read_json(goldens / "lines.json");
  for (const io::Json& entry : io::read_json(goldens / "index.json")) {
    if (!entry.contains("gguf")) continue;
    const std::string name = entry["name"];
    const io::Json golden = io::read_json(goldens / name / "golden.json");
    if (!golden.contains("llama_cpp")) continue;
    const Loaded loaded = load(goldens, entry);
    EXPECT_EQ(compare(*loaded.tokenizer, lines, golden["llama_cpp"], {}, name + " (llama.cpp)"), 0);
  }
}

TEST(TokenizerGoldens, DifferentTokenizersHaveDifferentIdentities) {
  const auto goldens = golden_folder();
  std::map<std::string, std::string> seen;
  for (const char* name : {"gpt2",
                           "llama3",
                           "qwen2",
                           "smollm2-fast",
                           "llama2-fast",
                           "gemma",
                           "metaspace-first-whole",
                           "metaspace-never-whole",
                           "normalizer-nfc",
                           "normalizer-nfd",
                           "unigram-always-split",
                           "unigram-always-whole",
                           "unigram-bytes",
                           "unigram-bytes-unused",
                           "unigram-nmt-nfkc",
                           "unigram-nmt-nfkc-cf",
                           "unigram-ties",
                           "unigram-positive",
                           "wordpiece-bert",
                           "wordpiece-bert-cased",
                           "wordpiece-short-words",
                           "wordpiece-no-prefix",
                           "vocab-txt-odd",
                           "spm-llama",
                           "spm-llama-bos",
                           "spm-llama-eos",
                           "spm-none",
                           "spm-none-unigram",
                           "spm-t5",
                           "spm-t5-few",
                           "merges-gpt2-class",
                           "merges-roberta"}) {
    const auto tokenizer = load_tokenizer(goldens / name);
    EXPECT_EQ(tokenizer->identity(), load_tokenizer(goldens / name)->identity());
    const auto [place, is_new] = seen.emplace(tokenizer->identity(), name);
    EXPECT_TRUE(is_new) << name << " and " << place->second;
  }
}

}  // namespace
}  // namespace deltascape::text
