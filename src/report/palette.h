// Owns which mark stands for which label or cluster: six colours that colour-blind people tell apart (Okabe and Ito
// 2008) times four shapes, in the order of label size. page/palette.js holds the same table for the page.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "deltascape/map.h"

namespace deltascape::report {

inline constexpr std::array<const char*, 6> kColours = {"#0072B2", "#D55E00", "#009E73",
                                                        "#B5488B", "#D99000", "#35A3E0"};
inline constexpr const char* kNoLabelColour = "#8A8F98";
inline constexpr std::size_t kShapes = 4;  // circle, square, triangle, diamond

struct LabelCount {
  std::string label;
  std::size_t count = 0;
};
// The labels (or clusters: MapPoint::group) in use, the most frequent first, then by name; the empty one last.
std::vector<LabelCount> labels_of(const MapData& data);

}  // namespace deltascape::report
