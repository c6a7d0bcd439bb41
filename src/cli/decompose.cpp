// `deltascape decompose`: a variant as a sum of others with weights above zero.
#include "deltascape/decompose.h"

#include <cmath>

#include "cli/options.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "core/text.h"

namespace deltascape::cli {
namespace {

struct DecomposeVerb {
  StoreView view;
  landscape::StoredDecomposeOptions options;
};

constexpr std::size_t kMostNamed = 3;  // variants in the place of a part, on a screen

Json decomposition_json(const landscape::StoredDecomposition& stored) {
  const landscape::Decomposition& d = stored.decomposition;
  Json parts = Json::array();
  for (const landscape::Part& part : d.parts)
    parts.push_back({{"name", part.name},
                     {"label", part.label},
                     {"weight", part.weight},
                     {"low", json_number(part.low)},
                     {"high", json_number(part.high)},
                     {"share", json_number(part.share)},
                     {"parallel", json_number(part.parallel)},
                     {"instead", part.instead},
                     {"instead_count", part.instead_count}});
  return {{"name", stored.name},
          {"parts", std::move(parts)},
          {"residual", json_number(d.residual)},
          {"low", json_number(d.low)},
          {"high", json_number(d.high)},
          {"unique", d.unique ? Json(*d.unique) : Json(nullptr)},
          {"candidates", d.candidates},
          {"common_removed", d.without_common},
          {"common_share", d.without_common ? json_number(d.common_share) : Json(nullptr)}};
}

std::string percent(double share) {
  const double hundred = 100 * share;
  return (hundred > 0 && hundred < 0.95 ? number(hundred, 1) : number(std::round(hundred), 3)) + "%";
}

// "0.6 math-1 + 0.4 code-2, 12% unexplained"
std::string sum_line(const landscape::Decomposition& d) {
  std::vector<std::string> terms;
  for (const landscape::Part& part : d.parts) terms.push_back(number(part.weight, 2) + " " + part.name);
  std::string out = (terms.empty() ? "nothing" : listed(terms, " + ")) + ", " + percent(d.residual) + " unexplained";
  return d.low && d.high ? out + " (" + percent(*d.low) + " to " + percent(*d.high) + ")" : out;
}

std::string instead_line(const landscape::Part& part) {
  std::vector<std::string> names;
  for (std::size_t n = 0; n < part.instead.size() && n < kMostNamed; ++n) names.push_back(part.instead[n]);
  const std::size_t more = part.instead_count - names.size();
  return part.name + " may as well be " + listed(names, " or ") +
         (more > 0 ? " or one of " + std::to_string(more) + " more" : "") + " (within " + percent(landscape::kEqual) +
         " of the squared norm)";
}

void print_doubts(const landscape::Decomposition& d, const Console& console) {
  std::vector<std::string> small;
  for (const landscape::Part& part : d.parts)
    if (part.share && *part.share < landscape::kEqual) small.push_back(part.name);
  if (!small.empty()) console.print_line("less than " + percent(landscape::kEqual) + " each: " + listed(small));
  if (!d.unique || *d.unique) return;
  std::vector<std::string> parallel;
  for (const landscape::Part& part : d.parts) {
    if (part.instead_count > 0) console.print_line("not unique: " + instead_line(part));
    if (part.parallel && *part.parallel > landscape::kParallel) parallel.push_back(part.name);
  }
  if (!parallel.empty())
    console.print_line("not unique: the weights of " + listed(parallel) +
                       " trade off, as they are nearly parallel to the other parts; read their sum");
}

void print_decomposition(const landscape::StoredDecomposition& stored, const Console& console) {
  using report::Align;
  const landscape::Decomposition& d = stored.decomposition;
  console.print_line(stored.name + " = " + sum_line(d));
  if (d.without_common)
    console.print_line("the pool's common direction, " + percent(d.common_share) + " of the squared norm, is removed");
  if (d.parts.empty()) return;
  report::Table table({{"part", Align::kLeft},
                       {"label", Align::kLeft},
                       {"weight", Align::kRight},
                       {"low", Align::kRight},
                       {"high", Align::kRight},
                       {"share", Align::kRight}});
  for (const landscape::Part& part : d.parts)
    table.add({part.name, part.label, ratio(part.weight), ratio(part.low), ratio(part.high), ratio(part.share)});
  console.print_table(table);
  print_doubts(d, console);
}

int run_decompose(const DecomposeVerb& verb, const Console& console) {
  landscape::StoredDecomposeOptions options = verb.options;
  options.where = verb.view.where;
  options.choice = verb.view.choice;
  const landscape::StoredDecomposition d = landscape::decompose(*verb.view.open(store::Store::Mode::kRead), options);
  if (console.json) {
    console.print_json(decomposition_json(d));
  } else if (console.quiet) {
    for (const landscape::Part& part : d.decomposition.parts) console.print_line(part.name);
  } else {
    print_decomposition(d, console);
  }
  return kExitDone;
}

}  // namespace

void add_decompose(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "decompose", "A variant as a sum of others, with the share left unexplained",
                            "deltascape decompose math-and-code -k 3\n"
                            "  deltascape decompose math-and-code --into math-1 code-1");
  const auto decompose = std::make_shared<DecomposeVerb>();
  landscape::StoredDecomposeOptions* const options = &decompose->options;
  decompose->view.add_store(*verb);
  decompose->view.add_where(*verb);
  decompose->view.add_space(*verb);
  decompose->view.add_layer(*verb);
  verb->add_option("--into", options->into, "The variants that may be parts; left out: all others of the space")
      ->type_name("MODEL");
  verb->add_option("-k", options->k, "Parts at most; 0 takes as many as least squares gives a weight")
      ->check(CLI::Range(0, 1'000'000'000))
      ->type_name("N")
      ->capture_default_str();
  verb->add_flag("--without-common", options->without_common,
                 "Take the direction of the pool's mean off every vector first");
  verb->add_option("MODEL", options->model, "A stored variant: its name, or its path")->required()->type_name("");
  verb->callback([&session, decompose] {
    session.run = [&session, decompose] { return run_decompose(*decompose, session.console); };
  });
}

}  // namespace deltascape::cli
