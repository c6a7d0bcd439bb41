// `deltascape add`: whether a variant is the sum of others, or what lies near their sum.
#include "deltascape/add.h"

#include "cli/options.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "core/text.h"

namespace deltascape::cli {
namespace {

struct AddVerb {
  StoreView view;
  landscape::StoredAddOptions options;
};

Json addition_json(const landscape::Addition& a) {
  Json each = Json::array(), norms = Json::array(), neighbours = Json::array();
  for (const landscape::Addend& part : a.each) {
    each.push_back({{"name", part.name},
                    {"label", part.label},
                    {"cosine", json_number(part.with.cosine)},
                    {"low", json_number(part.with.low)},
                    {"high", json_number(part.with.high)}});
    norms.push_back(json_number(part.norm));
  }
  for (const landscape::Neighbour& n : a.nearest)
    neighbours.push_back({{"name", n.name},
                          {"label", n.label},
                          {"cosine", json_number(n.cosine)},
                          {"low", json_number(n.low)},
                          {"high", json_number(n.high)}});
  const landscape::Similarity with = a.is ? a.is->with : landscape::Similarity{};
  Json out = {{"sum", json_number(with.cosine)}, {"low", json_number(with.low)}, {"high", json_number(with.high)}};
  out["is"] = a.is ? Json(a.is->name) : Json(nullptr);
  out["each"] = std::move(each);
  out["norms"] = {
      {"sum", json_number(a.norm)}, {"is", a.is ? json_number(a.is->norm) : Json(nullptr)}, {"each", std::move(norms)}};
  out["distance"] = json_number(a.distance);
  out["gain"] = nullptr;
  if (a.gain)
    out["gain"] = {{"over", a.gain->over},
                   {"value", a.gain->value},
                   {"low", json_number(a.gain->low)},
                   {"high", json_number(a.gain->high)}};
  out["neighbours"] = std::move(neighbours);
  out["common_removed"] = a.without_common;
  return out;
}

std::string names_of(const landscape::Addition& a) {
  std::vector<std::string> names;
  for (const landscape::Addend& part : a.each) names.push_back(part.name);
  return listed(names, " + ");
}

// "the sum is nearer than math-1 alone, by 0.12 (0.08 to 0.15): beyond what probes change"
std::string gain_line(const landscape::Gain& gain) {
  std::string out = "the sum is " + std::string(gain.value > 0 ? "nearer than " : "no nearer than ") + gain.over +
                    " alone: cosine " + (gain.value > 0 ? "+" : "") + ratio(gain.value);
  if (!gain.low || !gain.high) return out;
  out += " (" + ratio(gain.low) + " to " + ratio(gain.high) + ")";
  return *gain.low > 0 || *gain.high < 0 ? out : out + ", no more than probes change";
}

void print_addition(const landscape::Addition& a, const Console& console) {
  using report::Align;
  report::Table table({{a.is ? "with " + a.is->name : "with the sum", Align::kLeft},
                       {"label", Align::kLeft},
                       {"cosine", Align::kRight},
                       {"low", Align::kRight},
                       {"high", Align::kRight},
                       {"norm", Align::kRight}});
  const auto add = [&](const std::string& name, const std::string& label, const landscape::Similarity& s,
                       std::optional<double> norm) {
    table.add({name, label, ratio(s.cosine), ratio(s.low), ratio(s.high), norm ? number(*norm) : ""});
  };
  if (a.is) add(names_of(a), "", a.is->with, a.norm);
  for (const landscape::Addend& part : a.each) add(part.name, part.label, part.with, part.norm);
  for (const landscape::Neighbour& n : a.nearest) add(n.name, n.label, {n.cosine, n.low, n.high}, {});
  console.print_table(table);
  if (a.is)
    console.print_line("norm " + number(a.norm) + " of the sum, " + number(a.is->norm) + " of " + a.is->name +
                       (a.distance ? "; they are " + number(*a.distance, 3) + " of the latter apart" : ""));
  else console.print_line("norm " + number(a.norm) + " of the sum");
  if (a.gain) console.print_line(gain_line(*a.gain));
  if (a.without_common) console.print_line("the pool's common direction is removed");
}

int run_add(const AddVerb& verb, const Console& console) {
  landscape::StoredAddOptions options = verb.options;
  options.where = verb.view.where;
  options.choice = verb.view.choice;
  const landscape::Addition a = landscape::add(*verb.view.open(store::Store::Mode::kRead), options);
  if (console.json) {
    console.print_json(addition_json(a));
  } else if (!console.quiet) {
    print_addition(a, console);
  } else if (a.is) {
    console.print_line(ratio(a.is->with.cosine));
  } else {
    for (const landscape::Neighbour& n : a.nearest) console.print_line(n.name);
  }
  return kExitDone;
}

}  // namespace

void add_add(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "add", "Whether a variant is the sum of others, or what lies near their sum",
                            "deltascape add math-1 code-1 --is math-and-code\n"
                            "  deltascape add math-1 code-1 -k 3");
  const auto add = std::make_shared<AddVerb>();
  landscape::StoredAddOptions* const options = &add->options;
  add->view.add_store(*verb);
  add->view.add_where(*verb);
  add->view.add_space(*verb);
  add->view.add_layer(*verb);
  verb->add_option("--is", options->is, "A stored variant that may be the sum; left out: the nearest are listed")
      ->type_name("MODEL");
  verb->add_option("-k", options->k, "How many of the nearest; 0 lists all")
      ->check(CLI::Range(0, 1'000'000'000))
      ->type_name("N")
      ->capture_default_str();
  verb->add_flag("--without-common", options->without_common,
                 "Take the direction of the pool's mean off every vector first");
  verb->add_option("MODEL", options->parts, "Two stored variants or more: their names, or paths")
      ->required()
      ->type_name("");
  verb->callback([&session, add] { session.run = [&session, add] { return run_add(*add, session.console); }; });
}

}  // namespace deltascape::cli
