// Variants of several bases as cosines with anchors (include/deltascape/relative.h).
#include "deltascape/relative.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>

#include "core/layer_choice.h"
#include "core/utc_now.h"
#include "deltascape/error.h"
#include "deltascape/spaces_of.h"
#include "landscape/relative.h"
#include "study/anchors.h"
#include "study/few_shot.h"

namespace deltascape {
namespace {

using store::Record;

[[noreturn]] void refuse(const std::string& message, ErrorContext context = {}) {
  throw Error(ErrorCode::kUsage, message, std::move(context));
}

// One base's variants, in the one space of theirs that was chosen.
struct Part {
  store::ChosenSpace chosen;
  std::int64_t variants = 0;
  Record like;                            // one of them, without numbers
  std::vector<Record> anchors;            // without numbers where they are missing
  std::optional<EmbedOptions> embedding;  // how anchors are embedded, where some are missing

  const store::Space& space() const { return chosen.stored.space; }
  std::vector<std::size_t> missing() const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < anchors.size(); ++i)
      if (anchors[i].mean.empty()) out.push_back(i);
    return out;
  }
};

// "0.5": the fewest digits that read back as the same.
std::string digits_of(double fraction) {
  char text[32];
  const std::string out(text, std::to_chars(text, text + sizeof text, fraction).ptr);
  return out.find('.') == std::string::npos ? out + ".0" : out;
}

// What a layer is called in models of several depths: last, or a fraction.
std::string depth_of(const std::string& layer) {
  const std::optional<LayerChoice> choice = layer.empty() ? LayerChoice() : read_layer(layer);
  const bool fraction = choice && choice->kind == LayerChoice::Kind::kFraction;
  if (choice && (choice->kind == LayerChoice::Kind::kLast || (fraction && choice->fraction == 1))) return "last";
  if (!fraction)
    refuse("models of several depths meet at a relative one",
           {.field = option("layer"), .expected = "last, or a fraction as 0.5", .found = layer});
  return digits_of(choice->fraction);
}

Part part_of(const store::Store& store, std::vector<store::StoredSpace> spaces, const RelativeOptions& options) {
  Part out{.chosen = *store::only_one(store::choose(std::move(spaces), {.layer = depth_of(options.choice.layer)}))};
  store.read(*store::within({.where = options.where}, {out.chosen}), store::Numbers::kNone, [&](Record record) {
    if (out.variants++ == 0) out.like = std::move(record);
  });
  return out;
}

// A part a base, in the order in which the bases joined the store.
std::vector<Part> parts_of(const store::Store& store, const RelativeOptions& options) {
  std::vector<store::StoredSpace> spaces = store.spaces({.where = options.where});
  std::erase_if(spaces, [](const store::StoredSpace& s) { return s.space.representation != "activations"; });
  if (spaces.empty())
    throw Error(ErrorCode::kNotFound,
                store.unmet({.where = options.where})
                    .value_or("the store holds no activations: embed variants of each base first"));
  spaces = store::stored_of(store::choose(std::move(spaces), {.space = options.choice.space}));
  std::vector<std::vector<store::StoredSpace>> by_base;
  for (store::StoredSpace& stored : spaces) {
    const auto known =
        std::ranges::find_if(by_base, [&](const auto& group) { return group.front().space.base == stored.space.base; });
    (known == by_base.end() ? by_base.emplace_back() : *known).push_back(std::move(stored));
  }
  std::vector<Part> out;
  for (auto& group : by_base) out.push_back(part_of(store, std::move(group), options));
  for (const Part& part : out)
    for (const char* name : {"position", "probes"})
      if (part.space().parameter(name) != out.front().space().parameter(name))
        throw Error(ErrorCode::kMismatch,
                    std::string("variants of two bases differ in their ") + name +
                        ": embed them alike, or choose with " + option("space") + " or " + option("where"),
                    {.path = part.space().base_name,
                     .expected = out.front().space().parameter(name),
                     .found = part.space().parameter(name)});
  return out;
}

EmbedOptions embedding_of(const Part& part, const std::string& base, const RelativeOptions& options) {
  return embedding_in(part.space(), {.base = base,
                                     .probes_file = options.probes_file,
                                     .precision = options.precision,
                                     .memory = options.memory,
                                     .threads = options.threads});
}

// Where the bases of parts with missing anchors lie: those given, else as the store names them.
void find_bases(std::vector<Part>& parts, const RelativeOptions& options) {
  std::map<std::string, std::string> given;  // by identity
  for (const std::string& base : options.bases) given[provenance({.base = base}).base] = base;
  for (const auto& base : given)
    if (std::ranges::none_of(parts, [&](const Part& part) { return part.space().base == base.first; }))
      refuse("no chosen variant is of this base", {.path = base.second, .field = option("base")});
  for (Part& part : parts) {
    if (part.missing().empty()) continue;
    const auto own = given.find(part.space().base);
    const std::string& base = own == given.end() ? part.space().base_name : own->second;
    const EmbedOptions embedding = embedding_of(part, base, options);
    Record ours = part.like;
    ours.name = "anchors";
    try {
      ours.space = provenance(embedding);
    } catch (const Error& error) {
      if (own != given.end()) throw;
      throw Error(ErrorCode::kNotFound, "the base of " + std::to_string(part.variants) +
                                            " stored variants is not at hand, give " + option("base") +
                                            " where it lies: " + error.what());
    }
    store::require_comparable({part.like, ours});
    part.embedding = embedding;
  }
}

store::Space relative_space(const std::vector<Part>& parts, const std::string& anchors,
                            const RelativeOptions& options) {
  const store::Space& first = parts.front().space();
  return {.representation = "relative",
          .parameters = {{"of", first.representation},
                         {"layer", depth_of(options.choice.layer)},
                         {"position", first.parameter("position")},
                         {"probes", first.parameter("probes")},
                         {"anchors", anchors},
                         {"centred", options.centred ? "yes" : "no"}},
          .base = {},
          .base_name = {},
          .tokenizer = {}};
}

// What is known of the variant, with these numbers in the place of its embedding.
Record relative_record(const Record& of, std::vector<float> values, const store::Space& space) {
  Record out{.name = of.name, .label = of.label, .path = of.path};
  out.space = space;
  out.variant_hash = of.variant_hash;
  out.program_version = DELTASCAPE_VERSION;
  out.device = "cpu";
  out.precision = of.precision;
  out.created = utc_now();
  out.dim = std::ssize(values);
  double squares = 0;
  for (const float value : values) squares += double{value} * value;
  out.norm = std::sqrt(squares);
  out.no_effect = squares == 0;
  out.mean = std::move(values);
  return out;
}

std::vector<Record> measured(const store::Store& store, const Part& part, const store::Space& space,
                             const RelativeOptions& options) {
  const landscape::Anchors anchors(part.anchors, part.chosen.row, options.centred);
  store::Space own = space;
  own.base_name = part.space().base_name;  // one name a base, whatever each variant's says
  std::vector<Record> out;
  store.read(*store::within({.where = options.where}, {part.chosen}), store::Numbers::kMean,
             [&](const Record& record) { out.push_back(relative_record(record, anchors.cosines(record), own)); });
  return out;
}

// What the store holds in the space already, by content.
std::map<std::string, std::vector<float>> stored_in(const store::Store& store, const store::Space& space) {
  std::map<std::string, std::vector<float>> out;
  for (const store::StoredSpace& stored : store.spaces())
    if (stored.hash == space.hash())
      store.read({.spaces = {stored.id}}, store::Numbers::kMean,
                 [&](const Record& record) { out[record.variant_hash] = record.mean; });
  return out;
}

}  // namespace

RelativeReport measure_relative(store::Store& store, const RelativeOptions& options, Progress& progress) {
  if (options.anchors_file.empty()) refuse("anchors need a store to be kept in", {.field = "anchors"});
  const std::vector<study::Anchor> anchors = study::anchors_of(options);
  if (anchors.size() < 2) refuse("a direction takes two anchors at least: give more tasks");
  if (options.centred && anchors.size() < 3)
    refuse("without their mean's direction two anchors are opposites and say one thing: give three tasks or more, or " +
           option("no_centre"));
  depth_of(options.choice.layer);  // throws
  std::vector<Part> parts = parts_of(store, options);
  for (Part& part : parts) part.anchors = study::kept_anchors(anchors, options.anchors_file, part.like);
  find_bases(parts, options);
  if (options.tasks.empty())
    progress.note("control examples stand for no domain, so anchors made of them hardly tell domains apart: " +
                  option("tasks") + " takes examples like what the variants were trained on");
  if (parts.size() == 1) progress.note("all variants are of one base: the space becomes shared when others join it");

  RelativeReport report{.space = relative_space(parts, study::hash_of(anchors, options.training), options)};
  for (const study::Anchor& anchor : anchors) report.anchors.push_back(anchor.name);
  const std::map<std::string, std::vector<float>> before = stored_in(store, report.space);
  std::size_t to_train = 0, trained = 0;
  for (const Part& part : parts) to_train += part.missing().size();
  std::vector<Record> all;
  for (Part& part : parts) {
    RelativeReport::Base base{.name = part.space().base_name, .variants = part.variants};
    for (const std::size_t i : part.missing()) {
      part.anchors[i] =
          study::make_anchor(anchors[i], options, *part.embedding, study::place_of(trained++, to_train), progress);
      base.trained.push_back(anchors[i].name);
    }
    for (Record& record : measured(store, part, report.space, options)) {
      const auto old = before.find(record.variant_hash);
      if (old == before.end() || old->second != record.mean) {
        store.put(record);
        ++base.added;
      }
      all.push_back(std::move(record));
    }
    report.bases.push_back(std::move(base));
  }
  const landscape::Across across = landscape::across_bases(all);
  report.labelled = across.labelled;
  report.matched = across.matched;
  return report;
}

}  // namespace deltascape
