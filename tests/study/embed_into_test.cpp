// Specifies what a store holds after several runs of embed_into() where a representation gives inner products.
#include <gmock/gmock.h>

#include <filesystem>

#include "deltascape/embed_results.h"
#include "deltascape/error.h"
#include "goldens.h"
#include "temporary_folder.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GrowingSpace : public testing::FolderTest {
 protected:
  void add(const std::string& name, const std::string& golden) const {
    fs::copy(testing::models_folder() / "llama" / golden, folder_ / name, fs::copy_options::recursive);
  }
  EmbeddedInto embed(const std::vector<std::string>& names) const {
    std::vector<ModelRef> models;
    for (const std::string& name : names) models.push_back({.path = (folder_ / name).string()});
    EmbedOptions options;
    options.base = (testing::models_folder() / "llama/base").string();
    options.representation = "flattened";
    return embed_into({.store_file = (folder_ / "s.db").string()}, models, options);
  }
  std::vector<std::string> names() const {
    return store::Store::open(folder_ / "s.db", store::Store::Mode::kRead)->names();
  }
};

TEST_F(GrowingSpace, FindsModelsThatMoved) {
  add("one", "lora_qv");
  add("two", "lora_all_linear");
  embed({"one", "two"});
  fs::rename(folder_ / "one", folder_ / "moved");
  add("three", "full_one");
  embed({"moved", "three"});  // the content that the store looks for is among those that are given
  EXPECT_THAT(names(), ElementsAre("one", "three", "two"));
  fs::copy(folder_ / "two", folder_ / "copy", fs::copy_options::recursive);
  embed({"copy"});  // of one content: the first path becomes an alias
  fs::remove_all(folder_ / "copy");
  add("four", "lora_rs");
  embed({"four"});
  EXPECT_THAT(names(), ElementsAre("four", "one", "three", "two"));
}

TEST_F(GrowingSpace, RefusesWhatCannotBeMeasuredBesideAll) {
  add("one", "lora_qv");
  embed({"one"});
  fs::remove_all(folder_ / "one");
  add("two", "lora_all_linear");
  try {
    embed({"two"});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
    EXPECT_THAT(e.what(), HasSubstr("one"));
  }
  EXPECT_THAT(names(), ElementsAre("one"));
}

}  // namespace
}  // namespace deltascape
