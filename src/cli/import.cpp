// Owns `deltascape import`: other stores and npz files into a store, so that shards add up.
#include "cli/options.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "io/file.h"

namespace deltascape::cli {
namespace {

constexpr std::size_t kMostRenamed = 20;  // lines

struct ImportOptions {
  StoreView view;
  std::vector<std::string> sources;
};

void append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

int import_sources(const ImportOptions& options, const Console& console) {
  // A store that is not there yet is made when there is something to put into it.
  std::unique_ptr<store::Store> store;
  if (io::exists(options.view.file)) store = options.view.open(store::Store::Mode::kCreate);
  store::ImportReport all;
  Json failed = Json::array();
  std::size_t succeeded = 0;
  for (const std::string& source : options.sources) {
    try {
      const store::Records records = store::records_of(source);
      if (!store) store = options.view.open(store::Store::Mode::kCreate);
      const store::ImportReport report = store::import_into(*store, records);
      append(all.added, report.added);
      append(all.replaced, report.replaced);
      append(all.renamed, report.renamed);
      ++succeeded;
    } catch (const Error& e) {
      console.failure(e.what());
      failed.push_back({{"name", source}, {"error", e.what()}});
    }
  }
  if (console.json) {
    console.print_json(
        {{"added", all.added}, {"replaced", all.replaced}, {"renamed", all.renamed}, {"failed", failed}});
  } else if (console.quiet) {
    for (const auto* names : {&all.added, &all.replaced})
      for (const std::string& name : *names) console.print_line(name);
  } else {
    const std::string renamed = all.renamed.empty() ? "" : " (" + std::to_string(all.renamed.size()) + " renamed)";
    console.print_line(std::to_string(all.added.size()) + " added" + renamed + ", " +
                       std::to_string(all.replaced.size()) + " replaced");
    for (std::size_t i = 0; i < all.renamed.size() && i < kMostRenamed; ++i) console.note("renamed: " + all.renamed[i]);
    if (all.renamed.size() > kMostRenamed)
      console.note("and " + std::to_string(all.renamed.size() - kMostRenamed) +
                   " more were renamed; --json lists them");
  }
  return exit_code(succeeded, failed.size());
}

}  // namespace

void add_import(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "import", "Add other stores and npz files to a store",
                            "deltascape import --store all.db shard-1.db shard-2.db");
  const auto options = std::make_shared<ImportOptions>();
  options->view.add_store(*verb);
  verb->add_option("SOURCE", options->sources, "Stores (.db) and embeddings (.npz)")->required()->type_name("");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return import_sources(*options, session.console); }; });
}

}  // namespace deltascape::cli
