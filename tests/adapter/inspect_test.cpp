// inspect() on many models at once: what it compares with which base, and what it says of those that do not fit.
#include "deltascape/inspect.h"

#include <gmock/gmock.h>

#include <fstream>

#include "deltascape/error.h"
#include "goldens.h"
#include "temporary_folder.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Inspect : public testing::FolderTest {
 protected:
  static std::string golden(const std::string& path) { return (testing::models_folder() / path).string(); }
  // A copy of a golden adapter with another configuration.
  std::string changed(const std::string& name, const std::function<void(io::Json&)>& change) const {
    const fs::path folder = folder_ / name;
    fs::copy(golden("llama/lora_linears"), folder);
    io::Json json = io::read_json(folder / "adapter_config.json");
    change(json);
    std::ofstream(folder / "adapter_config.json") << json;
    return folder.string();
  }
};

TEST_F(Inspect, ComparesWithTheGivenBase) {
  const std::vector<std::string> paths{golden("llama/lora_linears"),  golden("gemma3/lora_linears"),
                                       golden("llama/full_all"),      golden("gemma3/full_all"),
                                       golden("llama/refused/corda"), golden("llama/base")};
  const auto rows = inspect(paths, {.base = golden("llama/base")});
  ASSERT_EQ(rows.size(), paths.size());
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].path, paths[i]);
  EXPECT_EQ(rows[0].fits, true);
  EXPECT_EQ(rows[0].verdict, "exact");
  EXPECT_EQ(rows[0].family, "llama");
  EXPECT_EQ(rows[0].compared_with, golden("llama/base"));
  // The module, what was expected and what is there.
  EXPECT_EQ(rows[1].fits, false);
  EXPECT_EQ(rows[1].verdict, "refused");
  EXPECT_THAT(rows[1].reason, AllOf(HasSubstr("layers."), HasSubstr("expected")));
  EXPECT_EQ(rows[2].fits, true);
  EXPECT_EQ(rows[3].fits, false);
  EXPECT_EQ(rows[3].family, "gemma3_text");
  EXPECT_THAT(rows[3].reason, AllOf(HasSubstr("4 layers"), HasSubstr("7 layers")));
  EXPECT_EQ(rows[4].fits, std::nullopt);
  EXPECT_THAT(rows[4].reason, HasSubstr("corda"));
  EXPECT_EQ(rows[5].fits, true);
}

TEST_F(Inspect, AShapeThatDoesNotFitNamesModuleExpectedAndFound) {
  const std::string wrong = changed("wrong", [](io::Json& j) { j["r"] = 3; });
  const auto rows = inspect({wrong}, {.base = golden("llama/base")});
  EXPECT_EQ(rows[0].fits, false);
  EXPECT_THAT(rows[0].reason, AllOf(HasSubstr("_proj"), HasSubstr("[3, "), HasSubstr("found")));
}

TEST_F(Inspect, WithoutOneTheBaseThatIsNamed) {
  const auto with_base = [&](const std::string& name, const io::Json& base) {
    return changed(name, [&](io::Json& j) { j["base_model_name_or_path"] = base; });
  };
  const auto rows = inspect({with_base("here", golden("llama/base")), with_base("other", golden("gemma3/base")),
                             with_base("absent", "tiny/nowhere"), with_base("broken", folder_.string()),
                             with_base("silent", nullptr), golden("llama/full_all")},
                            {});
  EXPECT_EQ(rows[0].fits, true);
  EXPECT_EQ(rows[0].family, "llama");
  EXPECT_EQ(rows[1].fits, false);
  EXPECT_EQ(rows[1].verdict, "refused");
  for (const std::size_t i : {2u, 3u, 4u}) {
    EXPECT_EQ(rows[i].fits, std::nullopt);
    EXPECT_EQ(rows[i].verdict, "exact");
    EXPECT_EQ(rows[i].reason, "");
    EXPECT_EQ(rows[i].compared_with, "");
    EXPECT_THAT(rows[i].note, HasSubstr("not compared")) << i;
  }
  EXPECT_THAT(rows[2].note, AllOf(HasSubstr("not on this machine"), HasSubstr("tiny/nowhere")));
  EXPECT_THAT(rows[3].note, HasSubstr("not a model"));
  EXPECT_THAT(rows[4].note, HasSubstr("names no base"));
  EXPECT_EQ(rows[5].note, "");
}

// What fits by its header is embedded and what does not is refused: the same rules as Adapter::open.
TEST_F(Inspect, TheWholeGoldenPoolFitsItsBase) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(golden("llama")))
    if (fs::exists(entry.path() / "adapter_config.json")) paths.push_back(entry.path().string());
  EXPECT_GT(paths.size(), 40u);
  for (const Inspection& row : inspect(paths, {.base = golden("llama/base")})) {
    EXPECT_EQ(row.fits, true) << row.path << " " << row.reason;
    EXPECT_GT(row.parameters, 0) << row.path;
    EXPECT_GT(row.bytes, 0) << row.path;
  }
}

TEST_F(Inspect, AFileStandsForItsFolder) {
  const auto rows = inspect({golden("llama/lora_qv/adapter_model.safetensors"), golden("llama/base/config.json")}, {});
  EXPECT_EQ(rows[0].kind, "lora");
  EXPECT_EQ(rows[1].kind, "base");
}

class Counter final : public Progress {
 public:
  void begin(std::string_view, std::int64_t total) override { total_ = total; }
  void advance(std::int64_t steps) override { done_ += steps; }
  void note(std::string_view) override {}
  std::int64_t total_ = 0, done_ = 0;
};

TEST_F(Inspect, ManyInTheirOrderFromAnyNumberOfThreads) {
  std::vector<std::string> paths;
  for (int i = 0; i < 200; ++i)
    paths.push_back(i % 3 == 0   ? golden("llama/lora_qv")
                    : i % 3 == 1 ? (folder_ / std::to_string(i)).string()
                                 : golden("llama/dora"));
  for (const int threads : {1, 2, 16}) {
    Counter counter;
    const auto rows = inspect(paths, {.base = golden("llama/base"), .threads = threads}, counter);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i].path, paths[i]);
      EXPECT_EQ(rows[i].kind, i % 3 == 0 ? "lora" : i % 3 == 1 ? "unknown" : "dora");
    }
    EXPECT_EQ(counter.total_, 200);
    EXPECT_EQ(counter.done_, 200);
  }
  EXPECT_TRUE(inspect(std::vector<std::string>{}, {}).empty());
}

TEST_F(Inspect, ABaseThatCannotBeOpenedIsAnError) {
  EXPECT_THROW(inspect({golden("llama/lora_qv")}, {.base = (folder_ / "absent").string()}), Error);
}

}  // namespace
}  // namespace deltascape
