// What the environment's variables mean for the hub.
#include "hub/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "deltascape/error.h"
#include "hub/client.h"
#include "hub/http.h"
#include "temporary_folder.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class EnvironmentTest : public testing::FolderTest {
 protected:
  void SetUp() override {
    for (const char* name : kNames) {
      const char* value = std::getenv(name);
      saved_.push_back(value ? std::optional<std::string>(value) : std::nullopt);
      unsetenv(name);
    }
    setenv("HF_HOME", folder_.c_str(), 1);
  }
  void TearDown() override {
    for (std::size_t i = 0; i < saved_.size(); ++i)
      saved_[i] ? setenv(kNames[i], saved_[i]->c_str(), 1) : unsetenv(kNames[i]);
  }
  static std::string failure() {
    try {
      settings_from_environment();
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  }

  static constexpr const char* kNames[] = {
      "HF_HOME",  "HF_HUB_CACHE",  "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_ENDPOINT",
      "HF_TOKEN", "HF_TOKEN_PATH", "HOME",           "XDG_CACHE_HOME",       "HF_HUB_DISABLE_IMPLICIT_TOKEN"};
  std::vector<std::optional<std::string>> saved_;
};

TEST_F(EnvironmentTest, Defaults) {
  const Settings s = settings_from_environment();
  EXPECT_EQ(s.endpoint, "https://huggingface.co");
  EXPECT_EQ(s.token, "");
  EXPECT_FALSE(s.offline);
  EXPECT_EQ(s.cache, folder_ / "hub");
}

TEST_F(EnvironmentTest, TheTokenOfTheVariableWinsOverThoseOfFiles) {
  std::ofstream(folder_ / "token") << "hf_of_home\n";
  EXPECT_EQ(settings_from_environment().token, "hf_of_home");
  std::ofstream(folder_ / "other") << "  hf_of_path\n";
  setenv("HF_TOKEN_PATH", (folder_ / "other").c_str(), 1);
  EXPECT_EQ(settings_from_environment().token, "hf_of_path");
  setenv("HF_TOKEN", "hf_of_variable\n", 1);
  EXPECT_EQ(settings_from_environment().token, "hf_of_variable");
  setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1", 1);
  EXPECT_EQ(settings_from_environment().token, "");
}

TEST_F(EnvironmentTest, ATokenThatWouldBeAHeaderIsRefusedAndNotShown) {
  setenv("HF_TOKEN", "hf_x\r\nX-Other: secret", 1);
  EXPECT_THAT(failure(), HasSubstr("HF_TOKEN"));
  EXPECT_EQ(failure().find("secret"), std::string::npos);
}

TEST_F(EnvironmentTest, OfflineInAllItsSpellings) {
  for (const char* yes : {"1", "on", "YES", "True"}) {
    setenv("HF_HUB_OFFLINE", yes, 1);
    EXPECT_TRUE(settings_from_environment().offline) << yes;
  }
  for (const char* no : {"0", "", "no", "2"}) {
    setenv("HF_HUB_OFFLINE", no, 1);
    EXPECT_FALSE(settings_from_environment().offline) << no;
  }
  unsetenv("HF_HUB_OFFLINE");
  setenv("TRANSFORMERS_OFFLINE", "1", 1);
  EXPECT_TRUE(settings_from_environment().offline);
  setenv("HF_HUB_OFFLINE", "0", 1);
  EXPECT_FALSE(settings_from_environment().offline);
}

TEST_F(EnvironmentTest, TheEndpointIsAnHttpAddress) {
  setenv("HF_ENDPOINT", "https://hub.example/mirror//", 1);
  EXPECT_EQ(settings_from_environment().endpoint, "https://hub.example/mirror");
  for (const char* bad : {"hub.example", "ftp://hub.example", "https://", "https://user:word@hub.example",
                          "https://hub.example?x", "https://hub .example", "http://a\\b"}) {
    setenv("HF_ENDPOINT", bad, 1);
    EXPECT_THAT(failure(), HasSubstr("HF_ENDPOINT")) << bad;
  }
}

TEST(Origin, IsSchemeHostAndPort) {
  EXPECT_EQ(origin_of("https://Hub.Example/path"), "https://hub.example:443");
  EXPECT_EQ(origin_of("http://hub.example?q"), "http://hub.example:80");
  EXPECT_EQ(origin_of("http://[::1]:8080/x"), "http://[::1]:8080");
  EXPECT_EQ(origin_of("http://[::1]/x"), "http://[::1]:80");
  EXPECT_NE(origin_of("http://hub.example:1/"), origin_of("http://hub.example:2/"));
  EXPECT_NE(origin_of("http://hub.example"), origin_of("https://hub.example"));
  // Two readers of these may see two hosts.
  for (const char* bad : {"https://hub.example@evil.example/", "https://hub.example\\@evil.example/", "file:///x",
                          "https:///x", "https://a b/", "hub.example", ""})
    EXPECT_EQ(origin_of(bad), "") << bad;
}

TEST(StaysInside, IsARelativePathWithoutTricks) {
  for (const char* good : {"a", "a/b.c", ".gitattributes", "a..b/c", "\xC3\xBC"})
    EXPECT_TRUE(stays_inside(good)) << good;
  for (const char* bad : {"", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "a\\b", "a\nb", "a\x7F"})
    EXPECT_FALSE(stays_inside(bad)) << bad;
  EXPECT_FALSE(stays_inside(std::string("a\0b", 3)));
  EXPECT_FALSE(stays_inside(std::string(2000, 'a')));
}

}  // namespace
}  // namespace deltascape::hub
