// Owns `deltascape compare`: two variants side by side.
#include "deltascape/compare.h"

#include "cli/options.h"
#include "cli/store_view.h"
#include "cli/verbs.h"

namespace deltascape::cli {
namespace {

struct CompareOptions {
  StoreView view;
  std::string a, b;
};

// {low, high}; null where there is none.
Json interval_json(std::optional<double> low, std::optional<double> high) {
  return low && high ? Json{{"low", *low}, {"high", *high}} : Json(nullptr);
}

Json difference_json(const std::optional<landscape::Difference>& d) {
  if (!d) return nullptr;
  return {{"distance", d->distance},
          {"numeric", json_number(d->numeric)},
          {"p", json_number(d->p)},
          {"differ", d->differ ? Json(*d->differ) : Json(nullptr)}};
}

// "differ beyond noise: …"
std::string difference_line(const landscape::Difference& d, std::int64_t probes) {
  std::string out = !d.differ   ? "whether they differ beyond noise is open"
                    : *d.differ ? "they differ beyond noise"
                                : "no difference beyond noise";
  out += ": distance " + number(d.distance, 3) + " of the longer norm, numerical error at most " +
         number(d.numeric, 2) + " of it";
  return d.p ? out + ", p = " + number(*d.p, 2) + " over " + std::to_string(probes) + " probes" : out;
}

Json comparison_json(const store::Record& a, const store::Record& b, const landscape::Comparison& c) {
  Json layers = Json::array();
  for (const auto& cosine : c.layers) layers.push_back(json_number(cosine));
  return {{"a", a.name},
          {"b", b.name},
          {"cosine", json_number(c.similarity.cosine)},
          {"low", json_number(c.similarity.low)},
          {"high", json_number(c.similarity.high)},
          {"bootstrap", interval_json(c.bootstrap_low, c.bootstrap_high)},
          {"difference", difference_json(c.difference)},
          {"norm_a", json_number(c.norm_a)},
          {"norm_b", json_number(c.norm_b)},
          {"relative_norm_a", json_number(c.relative_norm_a)},
          {"relative_norm_b", json_number(c.relative_norm_b)},
          {"norm_ratio", json_number(c.norm_ratio)},
          {"layers", std::move(layers)}};
}

void print_comparison(const store::Record& a, const store::Record& b, const landscape::Comparison& c,
                      const Console& console) {
  using report::Align;
  const auto optional_number = [](std::optional<double> value) { return value ? number(*value) : std::string("-"); };
  report::Table table({{"", Align::kLeft}, {a.name, Align::kRight}, {b.name, Align::kRight}});
  table.add({"label", a.label, b.label});
  table.add({"norm", number(c.norm_a), number(c.norm_b)});
  table.add({"relative_norm", optional_number(c.relative_norm_a), optional_number(c.relative_norm_b)});
  console.print_table(table);
  std::string line = "cosine " + ratio(c.similarity.cosine);
  if (c.similarity.low && c.similarity.high)
    line += " (" + ratio(c.similarity.low) + " to " + ratio(c.similarity.high) + " over probes)";
  if (c.bootstrap_low && c.bootstrap_high)
    line += ", by bootstrap " + ratio(c.bootstrap_low) + " to " + ratio(c.bootstrap_high);
  console.print_line(line);
  if (c.difference) console.print_line(difference_line(*c.difference, a.probe_count));
  if (c.layers.empty()) return;
  report::Table layers({{"layer", Align::kRight}, {"cosine", Align::kRight}});
  for (std::size_t i = 0; i < c.layers.size(); ++i) layers.add({std::to_string(i), ratio(c.layers[i])});
  console.print_table(layers);
}

int run_compare(const CompareOptions& options, const Console& console) {
  const auto store = options.view.open(store::Store::Mode::kRead);
  const auto [a, b, comparison] = landscape::compare(*store, options.a, options.b, options.view.choice);
  if (console.json) console.print_json(comparison_json(a, b, comparison));
  else if (console.quiet) console.print_line(ratio(comparison.similarity.cosine));
  else print_comparison(a, b, comparison, console);
  return kExitDone;
}

}  // namespace

void add_compare(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "compare", "How alike two variants are, and whether they differ beyond noise",
                            "deltascape compare math-1 math-2");
  const auto options = std::make_shared<CompareOptions>();
  options->view.add_store(*verb);
  options->view.add_space(*verb);
  options->view.add_layer(*verb);
  verb->add_option("A", options->a, "A stored variant: its name, or its path")->required()->type_name("");
  verb->add_option("B", options->b, "Another one")->required()->type_name("");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return run_compare(*options, session.console); }; });
}

}  // namespace deltascape::cli
