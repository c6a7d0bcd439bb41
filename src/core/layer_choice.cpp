#include "core/layer_choice.h"

#include <charconv>
#include <cmath>

namespace deltascape {
namespace {

template <class Number>
bool read_whole(std::string_view text, Number& out) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::optional<std::int64_t> LayerChoice::row(std::int64_t blocks) const {
  switch (kind) {
    case Kind::kLast: return blocks;
    case Kind::kAll: return std::nullopt;
    case Kind::kNumber: return number <= blocks ? std::optional(number) : std::nullopt;
    case Kind::kFraction: return static_cast<std::int64_t>(std::floor(fraction * static_cast<double>(blocks) + 0.5));
    case Kind::kBeforeNorm: return number == -1 || number == blocks ? std::optional(blocks) : std::nullopt;
  }
  return std::nullopt;
}

bool LayerChoice::is(std::string_view stored) const {
  switch (kind) {
    case Kind::kLast: return stored == "last";
    case Kind::kAll: return stored == "all";
    case Kind::kNumber: return stored == std::to_string(number);
    case Kind::kFraction: {  // named so in spaces of several depths alone
      double own = 0;
      return stored.find('.') != std::string_view::npos && read_whole(stored, own) && own == fraction;
    }
    case Kind::kBeforeNorm: return number == -1 ? stored.ends_with("-pre") : stored == std::to_string(number) + "-pre";
  }
  return false;
}

std::optional<LayerChoice> read_layer(std::string_view text) {
  using Kind = LayerChoice::Kind;
  LayerChoice out;
  if (text == "last") return out;
  if (text == "all") return LayerChoice{.kind = Kind::kAll};
  if (text.ends_with("-pre")) {
    out.kind = Kind::kBeforeNorm;
    text.remove_suffix(4);
    if (text == "L") out.number = -1;
    else if (!read_whole(text, out.number) || out.number < 0) return std::nullopt;
    return out;
  }
  if (text.find('.') != std::string_view::npos) {
    out.kind = Kind::kFraction;
    if (!read_whole(text, out.fraction) || !(out.fraction >= 0 && out.fraction <= 1)) return std::nullopt;
    return out;
  }
  out.kind = Kind::kNumber;
  if (!read_whole(text, out.number) || out.number < 0) return std::nullopt;
  return out;
}

}  // namespace deltascape
