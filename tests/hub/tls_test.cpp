// A hub that speaks TLS: whose certificates are trusted, and for which host.
#include <gmock/gmock.h>

#include "hub/fetch.h"
#include "hub/hub_player.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kTrust[] = {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"};

class TlsTest : public HubPlayer {
 protected:
  void SetUp() override {
    for (const char* variable : kTrust) unsetenv(variable);
    if (std::system("openssl version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no openssl to make a certificate with";
    make_certificate(host());
    HubPlayer::SetUp();
    if (IsSkipped()) return;
    add_model();
    plan({});
  }
  void TearDown() override {
    for (const char* variable : kTrust) unsetenv(variable);
    HubPlayer::TearDown();
  }
  virtual std::string host() const { return "IP:127.0.0.1"; }
  // Signed by itself, for one host.
  void make_certificate(const std::string& host) const {
    const std::string command =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hub -addext subjectAltName=" + host + " -keyout " +
        (folder_ / "key.pem").string() + " -out " + certificate() + " >/dev/null 2>&1";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  std::string certificate() const { return (folder_ / "certificate.pem").string(); }
};

TEST_F(TlsTest, StrangersCertificatesAreRefused) {
  EXPECT_THAT(failure("org/model", ErrorCode::kIo),
              AllOf(HasSubstr("org/model"), HasSubstr("not trusted"), HasSubstr("SSL_CERT_FILE")));
  EXPECT_THAT(log(), IsEmpty());
}

TEST_F(TlsTest, NamedCertificatesAreTrustedOfHubAndStorage) {
  for (const char* variable : kTrust) {
    fs::remove_all(settings_.cache);
    setenv(variable, certificate().c_str(), 1);
    EXPECT_EQ(text(get().path / "model.safetensors"), weights_) << variable;
    unsetenv(variable);
  }
  EXPECT_FALSE(reads_of("model.safetensors").empty());
}

TEST_F(TlsTest, FoldersOfCertificatesToo) {
  const fs::path folder = folder_ / "trusted";
  fs::create_directory(folder);
  fs::copy_file(certificate(), folder / "hub.pem");
  ASSERT_EQ(std::system(("openssl rehash " + folder.string() + " >/dev/null 2>&1").c_str()), 0);
  setenv("SSL_CERT_FILE", folder.c_str(), 1);
  EXPECT_EQ(text(get().path / "model.safetensors"), weights_);
}

TEST_F(TlsTest, AFileWithoutCertificatesIsNamed) {
  setenv("SSL_CERT_FILE", (folder_ / "nowhere.pem").c_str(), 1);
  EXPECT_THAT(failure("org/model", ErrorCode::kIo), AllOf(HasSubstr("not trusted"), HasSubstr("nowhere.pem")));
}

TEST_F(TlsTest, TheTokenNeverLeavesTls) {
  setenv("SSL_CERT_FILE", certificate().c_str(), 1);
  settings_.token = "hf_secret";
  plan({{"plain_storage", true}});
  EXPECT_THAT(failure("org/model", ErrorCode::kBadFile), HasSubstr("not followed"));
  for (const Asked& asked : log()) EXPECT_EQ(asked.side, "hub");
}

class OtherHostTest : public TlsTest {
 protected:
  std::string host() const override { return "DNS:other.example"; }
};

TEST_F(OtherHostTest, ACertificateIsForItsHost) {
  setenv("SSL_CERT_FILE", certificate().c_str(), 1);
  EXPECT_THAT(failure("org/model", ErrorCode::kIo), HasSubstr("not trusted"));
  EXPECT_THAT(log(), IsEmpty());
}

}  // namespace
}  // namespace deltascape::hub
