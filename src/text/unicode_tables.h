// Owns the tables of unicode_tables.cpp: sorted, disjoint ranges of code points.
#pragma once

#include <cstdint>
#include <span>

namespace deltascape::text {

struct CodePointRange {
  char32_t first;
  char32_t last;
};
struct StandIn {
  char32_t first;
  char32_t last;
  char32_t stand_in;
};
struct LowerRange {
  char32_t first;
  char32_t last;
  std::int32_t delta;
};

std::span<const CodePointRange> combining_marks();
std::span<const CodePointRange> nonspacing_marks();
std::span<const CodePointRange> unmoved_marks();
std::span<const CodePointRange> controls();
std::span<const CodePointRange> punctuation();
std::span<const CodePointRange> numeric();
std::span<const StandIn> newer_code_points();
std::span<const LowerRange> newer_lower_case();

}  // namespace deltascape::text
