// Oniguruma's library has functions of POSIX's names: they must not take the C library's place (cmake/Oniguruma.cmake).
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <regex.h>

#include "sanitizers.h"
#include "text/regex.h"

namespace deltascape::text {
namespace {

TEST(PosixRegex, IsTheCLibrarys) {
#if defined(DELTASCAPE_ADDRESS_SANITIZER)
  GTEST_SKIP() << "the sanitizer's own functions stand before the C library's";
#endif
  std::vector<Match> found;
  Regex("a+", "here").find_all("xaax", found);  // Oniguruma is in use
  ASSERT_EQ(found.size(), 1u);
  Dl_info place{};
  for (void* const function : {reinterpret_cast<void*>(&regcomp), reinterpret_cast<void*>(&regexec)}) {
    ASSERT_NE(dladdr(function, &place), 0);
    EXPECT_THAT(place.dli_fname, ::testing::HasSubstr("libc."));
  }
}

}  // namespace
}  // namespace deltascape::text
