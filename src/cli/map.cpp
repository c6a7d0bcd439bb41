// Owns `deltascape map`: a store's landscape as one file.
#include "deltascape/map.h"

#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"

namespace deltascape::cli {
namespace {

struct MapVerb {
  StoreView view;
  std::string out, projection = "tsne", colour = "auto", title;
  double perplexity = 30;
  std::size_t neighbours = 15;
  std::uint64_t seed = 0;
};

report::MapOptions map_options(const MapVerb& verb) {
  report::MapOptions options;
  options.projection.method = landscape::projection_method(verb.projection);
  options.projection.neighbours = verb.neighbours;
  options.projection.perplexity = verb.perplexity;
  options.projection.seed = verb.seed;
  options.colour = report::map_colour(verb.colour);
  options.title = verb.title;
  return options;
}

int map(const MapVerb& verb, const Console& console) {
  report::check_map_file(verb.out);
  report::MapOptions options = map_options(verb);
  const store::Selection selection = verb.view.select(console);
  options.projection.row = selection.row;
  ProgressBar progress(console);
  progress.begin("drawing the map", 0);
  const report::MapData data = report::make_map(selection.records, options);
  report::write_map(data, verb.out);
  if (console.json)
    console.print_json({{"out", verb.out},
                        {"points", data.points.size()},
                        {"projection", data.projection},
                        {"silhouette", json_number(data.silhouette)},
                        {"silhouette_sampled", data.silhouette_sampled}});
  else if (console.quiet) console.print_line(verb.out);
  else
    console.print_line("wrote " + verb.out + ": " + std::to_string(data.points.size()) + " variants, " +
                       data.projection);
  return kExitDone;
}

}  // namespace

void add_map(CLI::App& app, Session& session) {
  CLI::App* verb =
      add_verb(app, session, "map", "The landscape as one self-contained file", "deltascape map --out map.html");
  const auto options = std::make_shared<MapVerb>();
  options->view.add_store(*verb);
  options->view.add_where(*verb);
  options->view.add_space(*verb);
  options->view.add_layer(*verb);
  verb->add_option("--out", options->out, "The file")->required()->type_name("F.html|F.svg");
  verb->add_option("--projection", options->projection, "Method of projection to two dimensions")
      ->type_name("tsne|umap|pca")
      ->capture_default_str();
  verb->add_option("--neighbours,--neighbors", options->neighbours, "UMAP: number of nearest neighbours (n_neighbors)")
      ->check(CLI::Range(2, 1000))
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--perplexity", options->perplexity, "t-SNE: effective number of neighbours")
      ->check(CLI::PositiveNumber)
      ->type_name("P")
      ->capture_default_str();
  verb->add_option("--seed", options->seed, "Seed of t-SNE and UMAP")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--colour,--color", options->colour,
                   "What marks stand for; auto takes labels where there are any, else the clusters that `cluster` kept")
      ->check(CLI::IsMember({"auto", "label", "cluster"}))
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_option("--title", options->title, "Title of the page")->type_name("TEXT");
  verb->callback([&session, options] { session.run = [&session, options] { return map(*options, session.console); }; });
}

}  // namespace deltascape::cli
