// Owns `deltascape cluster`: clusters, silhouette and the cosine matrix of a store.
#include <map>

#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "core/text.h"
#include "io/file.h"
#include "landscape/clusters.h"
#include "report/text.h"

namespace deltascape::cli {
namespace {

constexpr std::size_t kMaxPrintedMatrix = 24;  // wider does not fit a screen
constexpr std::size_t kMaxJsonMatrix = 20000;  // what cosine_matrix() takes

struct ClusterVerb {
  StoreView view;
  std::string method = "auto", matrix_file;
  std::size_t k = 0;
  std::uint64_t seed = 0;
};

const std::map<std::string, landscape::ClusterMethod>& methods() {
  using Method = landscape::ClusterMethod;
  static const std::map<std::string, Method> all = {{"auto", Method::kAuto},
                                                    {"labels", Method::kLabels},
                                                    {"kmeans", Method::kKMeans},
                                                    {"agglomerative", Method::kAgglomerative}};
  return all;
}

std::string method_name(landscape::ClusterMethod method) {
  for (const auto& [name, value] : methods())
    if (value == method) return name;
  return "";
}

Json matrix_json(const landscape::CosineMatrix& matrix) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < matrix.count; ++i) {
    Json row = Json::array();
    for (std::size_t j = 0; j < matrix.count; ++j) row.push_back(json_number(matrix.at(i, j)));
    rows.push_back(std::move(row));
  }
  return rows;
}

void write_matrix(const std::vector<store::Record>& records, const landscape::CosineMatrix& matrix,
                  const std::string& file) {
  std::string out = "name";
  for (const auto& record : records) out.append(",").append(report::csv_field(record.name));
  out += "\n";
  for (std::size_t i = 0; i < matrix.count; ++i) {
    out += report::csv_field(records[i].name);
    for (std::size_t j = 0; j < matrix.count; ++j) {
      const auto cosine = matrix.at(i, j);
      out.append(",").append(cosine ? number(*cosine, 9) : std::string());
    }
    out += "\n";
  }
  io::write_file_atomically(file, std::string_view(out));
}

Json clustering_json(const landscape::Clustering& clustering, const std::vector<store::Record>& records,
                     const landscape::CosineMatrix* matrix) {
  Json classes = Json::array();
  if (clustering.silhouette)
    for (const auto& c : clustering.silhouette->classes)
      classes.push_back({{"label", c.label}, {"members", c.members}, {"silhouette", json_number(c.average)}});
  Json clusters = Json::array();
  for (const auto& c : clustering.clusters)
    clusters.push_back({{"id", c.id}, {"name", c.name}, {"members", c.members}});
  Json names = Json::array();
  for (const auto& record : records) names.push_back(record.name);
  return {{"silhouette", clustering.silhouette ? json_number(clustering.silhouette->average) : Json(nullptr)},
          {"classes", std::move(classes)},
          {"method", method_name(clustering.method)},
          {"fit", json_number(clustering.fit)},
          {"clusters", std::move(clusters)},
          {"no_effect", clustering.no_effect},
          {"names", std::move(names)},
          {"matrix", matrix ? matrix_json(*matrix) : Json(nullptr)}};
}

void print_silhouette(const landscape::Clustering& clustering, const Console& console) {
  if (!clustering.silhouette) {
    console.print_line("silhouette -  (it needs two labels with two variants each; see `deltascape label`)");
    return;
  }
  const landscape::Silhouette& s = *clustering.silhouette;
  console.print_line("silhouette " + ratio(s.average));
  report::Table table(
      {{"class", report::Align::kLeft}, {"members", report::Align::kRight}, {"silhouette", report::Align::kRight}});
  for (const auto& c : s.classes) table.add({c.label, std::to_string(c.members), ratio(c.average)});
  console.print_table(table);
  if (const std::size_t left_out = s.no_effect + s.unlabelled + s.lone; left_out > 0)
    console.print_line("left out: " + std::to_string(s.unlabelled) + " without a label, " + std::to_string(s.lone) +
                       " alone in their class, " + std::to_string(s.no_effect) + " without effect");
}

void print_clusters(const landscape::Clustering& clustering, const Console& console) {
  console.print_line("");
  console.print_line("clusters by " + method_name(clustering.method) +
                     (clustering.fit ? ", fit " + ratio(clustering.fit) : ""));
  report::Table table({{"id", report::Align::kRight},
                       {"name", report::Align::kLeft},
                       {"size", report::Align::kRight},
                       {"members", report::Align::kLeft}});
  for (const auto& c : clustering.clusters) {
    table.add(
        {std::to_string(c.id), c.name.empty() ? "-" : c.name, std::to_string(c.members.size()), listed(c.members)});
  }
  console.print_table(table);
  for (const std::string& name : clustering.no_effect) console.note(name + " has no effect and is in no found cluster");
}

void print_matrix(const std::vector<store::Record>& records, const landscape::CosineMatrix& matrix,
                  const Console& console) {
  console.print_line("");
  std::vector<report::Column> columns = {{"cosine", report::Align::kLeft}};
  for (std::size_t i = 0; i < records.size(); ++i) columns.push_back({std::to_string(i), report::Align::kRight});
  report::Table table(columns);
  for (std::size_t i = 0; i < matrix.count; ++i) {
    std::vector<std::string> cells = {std::to_string(i) + " " + records[i].name};
    for (std::size_t j = 0; j < matrix.count; ++j) cells.push_back(ratio(matrix.at(i, j)));
    table.add(std::move(cells));
  }
  console.print_table(table);
}

int cluster(const ClusterVerb& verb, const Console& console) {
  landscape::ClusterOptions options{methods().at(verb.method), verb.k, verb.seed, verb.view.row()};
  // A number of clusters is a wish to find them, not to read labels.
  if (options.method == landscape::ClusterMethod::kAuto && verb.k > 0)
    options.method = landscape::ClusterMethod::kAgglomerative;
  const std::vector<store::Record> records = verb.view.records();
  ProgressBar progress(console);
  progress.begin("clustering", 0);
  const landscape::Clustering clustering = landscape::cluster(records, options);

  const bool small = records.size() <= kMaxPrintedMatrix;
  std::optional<landscape::CosineMatrix> matrix;
  if (!verb.matrix_file.empty() || (console.json && records.size() <= kMaxJsonMatrix) || (small && !console.quiet))
    matrix = landscape::cosine_matrix(records, options.row);
  if (!verb.matrix_file.empty()) write_matrix(records, *matrix, verb.matrix_file);

  if (console.json) {
    console.print_json(clustering_json(clustering, records, matrix ? &*matrix : nullptr));
  } else if (console.quiet) {
    for (const auto& c : clustering.clusters)
      for (const std::string& member : c.members) console.print_line(std::to_string(c.id) + " " + member);
  } else {
    print_silhouette(clustering, console);
    print_clusters(clustering, console);
    if (small && !records.empty()) print_matrix(records, *matrix, console);
    if (!small && verb.matrix_file.empty())
      console.note("the cosine matrix of more than " + std::to_string(kMaxPrintedMatrix) +
                   " variants goes to a file: --matrix F.csv");
  }
  return kExitDone;
}

}  // namespace

void add_cluster(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "cluster", "Clusters, silhouette by label, and the cosine matrix",
                            "deltascape cluster -k 3 --method kmeans --matrix cosines.csv");
  const auto options = std::make_shared<ClusterVerb>();
  options->view.add_store(*verb);
  options->view.add_where(*verb);
  options->view.add_layer(*verb);
  verb->add_option("-k", options->k, "How many clusters; 0 finds the number by silhouette")
      ->check(CLI::Range(0, 1'000'000'000))
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--method", options->method, "auto takes labels where there are any, else agglomerative")
      ->check(CLI::IsMember({"auto", "labels", "kmeans", "agglomerative"}))
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_option("--seed", options->seed, "Start of k-means")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--matrix", options->matrix_file, "Write the cosine matrix there")->type_name("F.csv");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return cluster(*options, session.console); }; });
}

}  // namespace deltascape::cli
