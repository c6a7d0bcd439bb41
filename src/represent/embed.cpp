// Owns the main job: options and models in, one Record a variant out (include/deltascape/embed.h).
#include "deltascape/embed.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <future>
#include <set>

#include "adapter/fetch.h"
#include "core/text.h"
#include "exec/device.h"
#include "exec/gemm.h"
#include "exec/translated.h"
#include "io/file.h"
#include "model/thread_count.h"
#include "represent/opened.h"
#include "represent/own_tokenizer.h"
#include "represent/record_maker.h"
#include "represent/representation.h"
#include "text/open.h"

namespace deltascape {
namespace {

namespace fs = std::filesystem;
using represent::Located;
using represent::Measured;
using represent::Member;
using represent::Opened;

using Sink = std::function<void(store::Record)>;

// One base with the models that belong to it.
class Job {
 public:
  Job(const std::string& base, const EmbedOptions& options, Progress& progress)
      : options_(options), progress_(progress), base_(base, options, progress) {
    const represent::Chosen chosen = represent::representation_named(options.representation);
    if (chosen.row->vectors != nullptr) vectors_ = chosen.row->vectors(base_, chosen.parameters);
    else products_ = chosen.row->products(base_, chosen.parameters);
  }

  represent::Reading& reading() {
    if (vectors_) return *vectors_;
    return *products_;
  }
  void run(const std::vector<Located>& models, const Sink& sink, EmbedReport& report);

 private:
  void run_group(std::vector<Opened>& opened, const Sink& sink, EmbedReport& report);
  void measure_vectors(const std::vector<Opened>& opened, const Sink& sink, EmbedReport& report);
  void measure_products(const std::vector<Opened>& opened, const Sink& sink, EmbedReport& report);
  void tell(const Opened& opened, store::Record record, const Sink& sink, EmbedReport& report) const;

  const EmbedOptions& options_;
  Progress& progress_;
  represent::Base base_;
  std::unique_ptr<represent::VectorReading> vectors_;  // one of the two
  std::unique_ptr<represent::ProductReading> products_;
  store::Space space_;
};

void fail(const Opened& opened, const Error& error, EmbedReport& report) {
  represent::fail(*opened.ref, error.what(), error.code(), report.failed);
}

// Of what could be opened one of each content, those to be measured first; and the place of each content among them.
struct Distinct {
  std::vector<Member> members;
  std::map<std::string, std::size_t> place;  // by content hash
  std::size_t fresh = 0;                     // members that are not beside the others
};

Distinct distinct(const std::vector<Opened>& opened) {
  Distinct out;
  for (const bool beside : {false, true}) {
    for (const Opened& o : opened)
      if (!o.error && o.ref->beside == beside && out.place.emplace(o.hash, out.members.size()).second)
        out.members.push_back({&o.variant, o.ref->name, o.hash, o.path});
    if (!beside) out.fresh = out.members.size();
  }
  return out;
}

void Job::run(const std::vector<Located>& models, const Sink& sink, EmbedReport& report) {
  reading().prepare(progress_);
  space_ = reading().space();
  report.precision_reason = reading().precision_reason();
  // While one group runs, the next is read, checked and hashed. Of one size, whatever memory is free: the numerical
  // error that its records carry is that of its first variant.
  const std::size_t group = reading().together() == 0 ? models.size() : reading().together();
  const auto part = [&](std::size_t first) {
    return std::span(models).subspan(first, std::min(group, models.size() - first));
  };
  for (const std::string& note : base_.model->notes()) progress_.note(base_.name + ": " + note);
  progress_.begin("reading", static_cast<std::int64_t>(std::min(group, models.size())));
  std::vector<Opened> opened = open_all(part(0), *base_.model, options_.strict, at::get_num_threads());
  represent::OwnProbes own(base_.model->path(), base_.probes, base_.ids);
  for (std::size_t first = 0; first < models.size(); first += group) {
    std::future<std::vector<Opened>> next;
    if (first + group < models.size())
      next = std::async(std::launch::async,
                        [&, first] { return open_all(part(first + group), *base_.model, options_.strict, 1); });
    for (const Opened& o : opened)
      if (!o.error && reading().reads_probes()) own.look(o.ref->name, o.path);
    run_group(opened, sink, report);
    if (next.valid()) opened = next.get();
  }
  for (const std::string& line : own.notes()) progress_.note(line);
}

void Job::run_group(std::vector<Opened>& opened, const Sink& sink, EmbedReport& report) {
  for (const Opened& o : opened) {
    if (!o.ref->beside)
      for (const std::string& note : o.notes) progress_.note(o.ref->name + ": " + note);
    if (o.error) fail(o, *o.error, report);
  }
  if (vectors_) measure_vectors(opened, sink, report);
  else measure_products(opened, sink, report);
}

void Job::measure_vectors(const std::vector<Opened>& opened, const Sink& sink, EmbedReport& report) {
  const Distinct variants = distinct(opened);
  if (variants.members.empty()) return;
  const std::vector<Measured> measured = vectors_->measure(variants.members, progress_);
  for (const Opened& o : opened) {
    if (o.error) continue;
    const Measured& m = measured[variants.place.at(o.hash)];
    if (m.error) {
      fail(o, *m.error, report);
      continue;
    }
    store::Record record = represent::make_record(m.samples, m.base, m.half);
    record.precision = m.precision;
    record.numeric_error = m.numeric_error.value_or(0);
    tell(o, std::move(record), sink, report);
  }
}

void Job::measure_products(const std::vector<Opened>& opened, const Sink& sink, EmbedReport& report) {
  const Distinct variants = distinct(opened);
  if (variants.fresh == 0) return;
  const represent::Products products = products_->measure(variants.members, variants.fresh, progress_);
  for (const Opened& o : opened) {
    if (o.error) continue;
    const std::size_t place = variants.place.at(o.hash);
    if (const auto& error = products.errors[place]) {
      fail(o, *error, report);
      continue;
    }
    if (o.ref->beside) continue;
    std::map<std::string, double> row;
    const auto values = products.values.accessor<double, 2>();
    for (std::size_t k = 0; k < variants.members.size(); ++k)
      if (!products.errors[k])
        row[variants.members[k].hash] = values[static_cast<std::int64_t>(place)][static_cast<std::int64_t>(k)];
    tell(o, represent::make_record(std::move(row), o.hash), sink, report);
  }
}

void Job::tell(const Opened& opened, store::Record record, const Sink& sink, EmbedReport& report) const {
  record.name = opened.ref->name;
  record.label = opened.ref->label;
  record.path = opened.ref->path;
  record.space = space_;
  record.variant_hash = opened.hash;
  record.device = base_.device.str();
  sink(std::move(record));
  ++report.stored;
}

void check_options(const EmbedOptions& o) {
  const auto one_of = [](const std::string& field, const std::string& found, std::initializer_list<const char*> names) {
    if (std::ranges::find(names, found) != names.end()) return;
    throw Error(ErrorCode::kUsage, "not available",
                {.field = option(field), .expected = "one of " + listed(names), .found = found});
  };
  represent::representation_named(o.representation);
  one_of("precision", o.precision, {"auto", "delta", "fp32", "fp64"});
  engine::parse_device(o.device);
  engine::parse_position(o.position);
  if (o.threads < 0) throw Error(ErrorCode::kUsage, "a negative number of threads", {.field = option("threads")});
}

// Options that were chosen and change nothing here are said.
void tell_unread(const EmbedOptions& options, Progress& progress) {
  const EmbedOptions usual;
  const represent::Representation& row = *represent::representation_named(options.representation).row;
  for (const auto& [field, chosen] :
       {std::pair{"layer", options.layer != usual.layer}, std::pair{"position", options.position != usual.position},
        std::pair{"probes_file", !options.probes_file.empty()},
        std::pair{"continuations_file", !options.continuations_file.empty()},
        std::pair{"encoder", options.encoder != usual.encoder},
        std::pair{"outputs_file", !options.outputs_file.empty()}})
    if (chosen && std::ranges::find(row.reads, std::string_view(field)) == row.reads.end())
      progress.note(option(field) + " is not read by " + row.name + " and changes nothing");
}

}  // namespace

std::vector<RepresentationInfo> representations() {
  std::vector<RepresentationInfo> out;
  for (const represent::Representation& r : represent::representations()) {
    RepresentationInfo info{.name = r.name, .about = r.about, .source = r.source, .gram = r.products != nullptr};
    for (const represent::Parameter& p : r.parameters) info.parameters.push_back({p.name, p.fallback, p.about});
    out.push_back(std::move(info));
  }
  return out;
}

EmbedReport embed(const std::vector<ModelRef>& models, const EmbedOptions& options, const Sink& sink,
                  Progress& progress) {
  check_options(options);
  tell_unread(options, progress);
  const model::ThreadCount threads(options.threads);
  const engine::ExactProducts exact;
  EmbedReport report;
  // The one base of all comes first: without it no variant need be downloaded.
  if (!options.base.empty()) engine::translated([&] { adapter::fetch_model(options.base, progress); });
  for (const auto& [base, located] : represent::by_base(models, options, report.failed, progress)) {
    std::optional<Job> job;
    try {
      engine::translated([&] { job.emplace(base, options, progress); });
    } catch (const Error& e) {
      if (!options.base.empty() || e.code() == ErrorCode::kCancelled) throw;
      for (const Located& m : located) report.failed.push_back({m.ref.name, m.ref.path, e.what(), e.code()});
      continue;
    }
    engine::translated([&] { job->run(located, sink, report); });
  }
  return report;
}

store::Space provenance(const EmbedOptions& options) {
  check_options(options);
  return engine::translated([&] { return Job(options.base, options, silent_progress()).reading().space(); });
}

std::vector<std::vector<std::int32_t>> tokenize(const std::string& base, const std::vector<std::string>& texts) {
  const fs::path path = io::single_gguf(adapter::fetch_model(base, silent_progress()));
  const auto tokenizer = text::open_tokenizer(path);
  std::vector<std::vector<std::int32_t>> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.push_back(tokenizer->encode(text));
  return out;
}

}  // namespace deltascape
