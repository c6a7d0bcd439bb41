#include "cli/inspection_table.h"

#include <algorithm>
#include <functional>
#include <map>

#include "core/text.h"

namespace deltascape::cli {
namespace {

constexpr std::size_t kMostNamed = 6;  // of one line of the summary

std::string fit_text(const Inspection& row) { return !row.fits ? "" : *row.fits ? "yes" : "no"; }

// Most first.
std::string counts(const std::vector<Inspection>& rows, const std::function<std::string(const Inspection&)>& of) {
  std::map<std::string, std::size_t> count;
  for (const Inspection& row : rows)
    if (const std::string value = of(row); !value.empty()) ++count[value];
  std::vector<std::pair<std::string, std::size_t>> order(count.begin(), count.end());
  std::ranges::stable_sort(order, [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string out;
  for (std::size_t i = 0; i < std::min(order.size(), kMostNamed); ++i)
    out += (out.empty() ? "" : ", ") + order[i].first + " " + std::to_string(order[i].second);
  if (order.size() > kMostNamed) out += ", and " + std::to_string(order.size() - kMostNamed) + " more";
  return out;
}

}  // namespace

Json inspection_json(const Inspection& row) {
  return {{"path", row.path},
          {"kind", row.kind},
          {"family", row.family},
          {"rank", row.rank},
          {"targets", row.targets},
          {"base", row.base},
          {"verdict", row.verdict},
          {"reason", row.reason},
          {"precision", row.precision},
          {"dtype", row.dtype},
          {"parameters", row.parameters},
          {"bytes", row.bytes},
          {"fits", row.fits ? Json(*row.fits) : Json(nullptr)},
          {"compared_with", row.compared_with},
          {"note", row.note}};
}

report::Table inspection_table(const std::vector<Inspection>& rows) {
  using report::Align;
  report::Table table({{"path", Align::kLeft},
                       {"kind", Align::kLeft},
                       {"family", Align::kLeft},
                       {"rank", Align::kRight},
                       {"targets", Align::kLeft},
                       {"base", Align::kLeft},
                       {"fits", Align::kLeft},
                       {"dtype", Align::kLeft},
                       {"parameters", Align::kRight},
                       {"size", Align::kRight},
                       {"verdict", Align::kLeft},
                       {"precision", Align::kLeft},
                       {"reason", Align::kLeft}});
  for (const Inspection& row : rows) {
    table.add({row.path, row.kind, row.family, row.rank > 0 ? std::to_string(row.rank) : "", listed(row.targets, " "),
               row.base, fit_text(row), row.dtype, row.parameters > 0 ? std::to_string(row.parameters) : "",
               row.bytes > 0 ? bytes(static_cast<double>(row.bytes)) : "", row.verdict, row.precision,
               row.reason.empty() ? row.note : row.reason});
  }
  return table;
}

std::vector<std::string> inspection_summary(const std::vector<Inspection>& rows) {
  double size = 0;
  for (const Inspection& row : rows) size += static_cast<double>(row.bytes);
  std::vector<std::string> out{"", std::to_string(rows.size()) + " models, " + bytes(size)};
  const auto line = [&](const char* title, const std::function<std::string(const Inspection&)>& of) {
    if (const std::string text = counts(rows, of); !text.empty()) out.push_back(title + text);
  };
  line("verdict  ", [](const Inspection& row) { return row.verdict; });
  line("kind     ", [](const Inspection& row) { return row.kind; });
  line("family   ", [](const Inspection& row) { return row.family; });
  line("base     ", [](const Inspection& row) { return row.base; });
  line("fits     ", [](const Inspection& row) {
    return row.fits ? fit_text(row) : row.kind == "base" || row.verdict == "refused" ? "" : "not compared";
  });
  return out;
}

}  // namespace deltascape::cli
