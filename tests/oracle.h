// Oracles that a test runs as it goes: the scripts of tests/ that ask Python packages.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace deltascape::testing {

// The command that runs `script` of tests/ with the packages of tests/requirements.txt; empty where these are not
// installed, and the test is skipped:
//   if (command.empty()) GTEST_SKIP() << kNoOracle;
inline std::string oracle_command(const std::string& script) {
  const char* source = std::getenv("DELTASCAPE_SOURCE_DIR");
  if (source == nullptr) throw std::runtime_error("set DELTASCAPE_SOURCE_DIR to the repository");
  const auto python = std::filesystem::path(source) / ".venv/bin/python";
  if (!std::filesystem::exists(python)) return "";
  return python.string() + " " + source + "/tests/" + script;
}
inline constexpr const char* kNoOracle = "no .venv/bin/python with the oracles: run scripts/python_env.sh";

}  // namespace deltascape::testing
