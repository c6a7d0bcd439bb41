// A program built without libcurl: the cache works as it does, and a download says what is missing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "deltascape/error.h"
#include "hub/fetch.h"
#include "hub/http.h"
#include "temporary_folder.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;

TEST(WithoutCurl, TheCacheIsUsedAndADownloadIsRefused) {
  ASSERT_FALSE(can_download());
  const testing::TemporaryFolder folder;
  Settings settings;
  settings.cache = folder.path();
  try {
    fetch("org/model", silent_progress(), settings);
    ADD_FAILURE() << "found what is not there";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
    EXPECT_THAT(e.what(), ::testing::HasSubstr("built without libcurl: run hf download org/model"));
  }
  const fs::path snapshot = settings.cache / "models--org--model/snapshots" / std::string(40, 'a');
  fs::create_directories(snapshot);
  for (const char* name : {"config.json", "model.safetensors"}) std::ofstream(snapshot / name) << "{}";
  EXPECT_EQ(fetch("org/model", silent_progress(), settings).path, snapshot);
}

}  // namespace
}  // namespace deltascape::hub
