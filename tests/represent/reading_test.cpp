// Adapters whose files and configurations say different things, or whose names are not PEFT's own
// (tests/make_reading_goldens.py): embed() reads what PEFT reads, or what the plain names would give, and says so.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "deltascape/embed.h"
#include "deltascape/inspect.h"
#include "goldens.h"
#include "notes.h"
#include "temporary_folder.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Notes;

struct Variant {
  std::string name, path, word;
};

class Reading : public testing::FolderTest {
 protected:
  void SetUp() override {
    const fs::path folder = testing::goldens_folder("reading", "make_reading_goldens.py");
    const io::Json golden = io::read_json(folder / "index.json").at("cases").at(0);
    base_ = (folder / std::string(golden.at("base"))).string();
    npz_ = folder / "golden.npz";
    for (const io::Json& v : golden.at("variants"))
      variants_.push_back({v.at("name"), (folder / std::string(v.at("path"))).string(), v.at("word")});
  }
  std::string path_of(const std::string& name) const {
    return std::ranges::find(variants_, name, &Variant::name)->path;
  }
  // A copy of one of the variants with another configuration.
  fs::path changed(const std::string& name, const io::Json& changes) const {
    fs::copy(path_of(name), folder_ / "changed", fs::copy_options::recursive);
    io::Json config = io::read_json(folder_ / "changed" / "adapter_config.json");
    config.update(changes);
    std::ofstream(folder_ / "changed" / "adapter_config.json") << config;
    return folder_ / "changed";
  }
  std::string failure_of(const fs::path& path, bool strict = false) const {
    const EmbedReport report = embed({{path.string(), "", "it"}}, {.base = base_, .strict = strict},
                                     [](const store::Record&) { ADD_FAILURE() << "embedded"; });
    return report.failed.size() == 1 ? report.failed[0].error : "";
  }

  std::string base_;
  fs::path npz_;
  std::vector<Variant> variants_;
};

TEST_F(Reading, GivesWhatPeftGives) {
  const auto arrays = io::read_npz(npz_);
  const auto& reference = testing::doubles(arrays.at("embeddings"));
  const auto& hidden = testing::doubles(arrays.at("base_mean"));
  std::vector<ModelRef> models;
  for (const Variant& v : variants_) models.push_back({v.path, "", v.name});
  std::map<std::string, store::Record> records;
  Notes notes;
  const EmbedReport report = embed(
      models, {.base = base_, .layer = "all", .precision = "fp64"},
      [&](store::Record r) { records.emplace(r.name, std::move(r)); }, notes);
  for (const EmbedFailure& f : report.failed) ADD_FAILURE() << f.error;
  for (std::size_t i = 0; i < variants_.size(); ++i) {
    const Variant& v = variants_[i];
    SCOPED_TRACE(v.name);
    const auto found = records.find(v.name);
    if (found == records.end()) continue;
    const auto dim = static_cast<std::size_t>(found->second.dim);
    for (std::size_t at = 0; at < hidden.size(); at += dim)
      testing::expect_parity(std::span(found->second.mean).subspan(at, dim),
                             std::span(reference).subspan(i * hidden.size() + at, dim),
                             std::span(hidden).subspan(at, dim), true, "row " + std::to_string(at / dim));
    EXPECT_THAT(notes.of(v.name), HasSubstr(v.word));
    if (v.name == "plain") {
      EXPECT_EQ(notes.of(v.name), "");
    }
    const auto lines = std::ranges::count(notes.of(v.name), '\n');
    EXPECT_LE(lines, 2) << notes.of(v.name);
    // `inspect` says the same, with the base and without.
    const Inspection seen = inspect({v.path}, {.base = base_}).front();
    EXPECT_EQ(seen.verdict, "exact") << seen.reason;
    EXPECT_EQ(seen.fits, true);
    EXPECT_THAT(seen.note, HasSubstr(v.word));
    EXPECT_EQ(inspect(v.path).verdict, "exact") << inspect(v.path).reason;
  }
}

TEST_F(Reading, TargetsThatTheBaseDoesNotHave) {
  EXPECT_THAT(failure_of(changed("plain", {{"layers_to_transform", {0, 2}}, {"layers_pattern", {"blocks"}}})),
              AllOf(HasSubstr("target_modules"), HasSubstr("no module of the base")));
}

// PEFT gives such an adapter pairs that change nothing.
TEST_F(Reading, TargetsOfOtherModulesHaveNoEffect) {
  Notes notes;
  const fs::path path = changed("norms_list", {{"target_modules", {"post_attention_layernorm"}}});
  embed(
      {{path.string(), "", "it"}}, {.base = base_},
      [](const store::Record& r) {
        EXPECT_EQ(std::ranges::count(r.mean, 0.0f), static_cast<std::ptrdiff_t>(r.mean.size()));
      },
      notes);
  EXPECT_THAT(notes.of("it"), HasSubstr("does not target"));
}

TEST_F(Reading, ANullIsNoDefault) {
  EXPECT_THAT(failure_of(changed("plain", {{"lora_alpha", nullptr}})), HasSubstr("lora_alpha"));
  fs::remove_all(folder_ / "changed");
  EXPECT_THAT(failure_of(changed("plain", {{"r", nullptr}})), HasSubstr(": r: "));
  fs::remove_all(folder_ / "changed");
  EXPECT_THAT(failure_of(changed("loha_layers", {{"alpha", nullptr}})), HasSubstr("alpha"));
}

TEST_F(Reading, OddTargetsAreNamed) {
  for (const auto& [field, value] : {std::pair<const char*, io::Json>{"target_modules", 3},
                                     {"target_modules", "(q_proj"},
                                     {"exclude_modules", "["},
                                     {"layers_to_transform", "1"},
                                     {"layers_pattern", {1}},
                                     {"modules_to_save", {"("}}}) {
    EXPECT_THAT(failure_of(changed("plain", {{field, value}})), HasSubstr(field)) << value;
    fs::remove_all(folder_ / "changed");
  }
}

TEST_F(Reading, StrictRefusesUnknownOptions) {
  EXPECT_THAT(failure_of(path_of("unknown_options"), true), AllOf(HasSubstr("trl_version"), HasSubstr("zzz")));
  const Inspection seen = inspect({path_of("unknown_options")}, {.base = base_, .strict = true}).front();
  EXPECT_EQ(seen.verdict, "refused");
  EXPECT_THAT(seen.reason, HasSubstr("zzz"));
}

TEST_F(Reading, AnUnknownPrefixIsNamed) {
  const fs::path folder = changed("plain", io::Json::object());
  const fs::path file = folder / "adapter_model.safetensors";
  std::ifstream in(file, std::ios::binary);
  std::string all((std::istreambuf_iterator<char>(in)), {});
  // As long as what it takes the place of, so that the header keeps its length.
  for (std::size_t at = all.find("model.layers."); at != std::string::npos; at = all.find("model.layers.", at + 1))
    all.replace(at, 6, "outer.");
  std::ofstream(file, std::ios::binary) << all;
  EXPECT_THAT(failure_of(folder), HasSubstr("'outer.'"));
}

}  // namespace
}  // namespace deltascape
