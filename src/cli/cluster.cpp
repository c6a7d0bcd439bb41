// Owns `deltascape cluster`: clusters, silhouette and the cosine matrix of a store.
#include <algorithm>
#include <map>

#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "core/text.h"
#include "deltascape/cluster.h"
#include "io/file.h"
#include "report/text.h"

namespace deltascape::cli {
namespace {

constexpr std::size_t kMaxPrintedMatrix = 24;  // wider does not fit a screen
constexpr std::size_t kMostStrays = 20;        // lines
constexpr std::size_t kMaxJsonMatrix = 2000;   // 80 MB of text

struct ClusterVerb {
  StoreView view;
  std::string method = "auto", matrix_file, out;
  std::size_t k = 0;
  std::uint64_t seed = 0;
};

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

Json clusters_json(const std::vector<landscape::Cluster>& clusters) {
  Json out = Json::array();
  for (const auto& c : clusters) out.push_back({{"id", c.id}, {"name", c.name}, {"members", c.members}});
  return out;
}

// {agreement, strays}: null and [] without labels.
void add_agreement(const landscape::Clustering& clustering, const std::vector<store::Record>& records, Json& out) {
  Json strays = Json::array();
  out["agreement"] = nullptr;
  if (const auto& a = clustering.agreement) {
    out["agreement"] = {{"variants", a->clusters.members},
                        {"adjusted_rand", a->clusters.adjusted_rand},
                        {"mutual_information", a->clusters.mutual_information},
                        {"purity", a->clusters.purity},
                        {"nearest", json_number(a->nearest)},
                        {"nearest_found", json_number(a->nearest_found)}};
    for (const landscape::Surroundings& s : a->strays)
      strays.push_back({{"name", records[s.record].name},
                        {"label", records[s.record].label},
                        {"nearest", records[s.nearest].name},
                        {"nearest_label", records[s.nearest].label},
                        {"cosine", s.cosine},
                        {"cluster", *clustering.assignment[s.record]},
                        {"cluster_labels", s.of_cluster}});
  }
  out["strays"] = std::move(strays);
}

// Two standard errors of a sampled statistic; null for an exact one.
Json sampling_error(std::size_t sampled, double error) { return sampled > 0 ? json_number(error) : Json(nullptr); }

// " ± 2e-05 (500 of the variants sampled)"; nothing for an exact one.
std::string sampling_note(std::size_t sampled, double error) {
  return sampled > 0 ? " ± " + number(error, 1) + " (sampled at " + std::to_string(sampled) + " variants)" : "";
}

Json clustering_json(const landscape::Clustering& clustering, const std::vector<store::Record>& records,
                     const landscape::CosineMatrix* matrix) {
  Json classes = Json::array();
  if (clustering.silhouette)
    for (const auto& c : clustering.silhouette->classes)
      classes.push_back({{"label", c.label}, {"members", c.members}, {"silhouette", json_number(c.average)}});
  Json names = Json::array();
  for (const auto& record : records) names.push_back(record.name);
  Json out = {{"silhouette", clustering.silhouette ? json_number(clustering.silhouette->average) : Json(nullptr)},
              {"low", clustering.silhouette ? json_number(clustering.silhouette->low) : Json(nullptr)},
              {"high", clustering.silhouette ? json_number(clustering.silhouette->high) : Json(nullptr)},
              {"silhouette_error", clustering.silhouette
                                       ? sampling_error(clustering.silhouette->sampled, clustering.silhouette->error)
                                       : Json(nullptr)},
              {"classes", std::move(classes)},
              {"method", name_of(clustering.method)},
              {"fit", json_number(clustering.fit)},
              {"fit_error", clustering.fit ? sampling_error(clustering.found.fit_sampled, clustering.found.fit_error)
                                           : Json(nullptr)},
              {"clusters", clusters_json(clustering.clusters)},
              {"found", nullptr}};
  if (clustering.method == landscape::ClusterMethod::kLabels)
    out["found"] = {{"method", name_of(clustering.found.method)},
                    {"fit", json_number(clustering.found.fit)},
                    {"fit_error", sampling_error(clustering.found.fit_sampled, clustering.found.fit_error)},
                    {"clusters", clusters_json(clustering.found.clusters)}};
  add_agreement(clustering, records, out);
  out["no_effect"] = clustering.no_effect;
  out["names"] = std::move(names);
  out["matrix"] = matrix ? matrix_json(*matrix) : Json(nullptr);
  return out;
}

// One line a variant; a cluster is empty for one without effect.
void write_assignments(const landscape::Clustering& clustering, const std::vector<store::Record>& records,
                       const std::string& file) {
  std::string out = "name,label,cluster,cluster_name\n";
  const std::vector<store::Assignment> assignments = landscape::assignments_of(clustering, records);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const store::Assignment& one = assignments[i];
    out.append(report::csv_field(records[i].name)).append(",").append(report::csv_field(records[i].label)).append(",");
    out.append(one.cluster ? std::to_string(*one.cluster) : "").append(",");
    out.append(report::csv_field(one.cluster_name)).append("\n");
  }
  io::write_file_atomically(file, std::string_view(out));
}

// A store that may only be read keeps nothing; the clusters are printed all the same.
void keep(const StoreView& view, std::int64_t space, const landscape::Clustering& clustering,
          const std::vector<store::Record>& records, const Console& console) {
  try {
    view.open(store::Store::Mode::kReadWrite)->keep_clusters(space, assignments_of(clustering, records));
  } catch (const Error& e) {
    console.note(std::string("the clusters are not kept for `deltascape map`: ") + e.what());
  }
}

void print_silhouette(const landscape::Clustering& clustering, const Console& console) {
  if (!clustering.silhouette) {
    console.print_line("silhouette -  (it needs two labels with two variants each; see `deltascape label`)");
    return;
  }
  const landscape::Silhouette& s = *clustering.silhouette;
  const std::string interval = s.low ? " (" + ratio(s.low) + " to " + ratio(s.high) + ")" : "";
  console.print_line("silhouette " + ratio(s.average) + interval + sampling_note(s.sampled, s.error));
  report::Table table(
      {{"class", report::Align::kLeft}, {"members", report::Align::kRight}, {"silhouette", report::Align::kRight}});
  for (const auto& c : s.classes) table.add({c.label, std::to_string(c.members), ratio(c.average)});
  console.print_table(table);
  if (const std::size_t left_out = s.no_effect + s.unlabelled + s.lone; left_out > 0)
    console.print_line("left out: " + std::to_string(s.unlabelled) + " without a label, " + std::to_string(s.lone) +
                       " alone in their class, " + std::to_string(s.no_effect) + " without effect");
}

// "math 5, code 1": the labels of a cluster's members, the most frequent first.
std::string labels_of(const landscape::Cluster& cluster, const std::map<std::string, std::string>& label_of) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& member : cluster.members) ++counts[label_of.at(member)];
  std::vector<std::pair<std::string, std::size_t>> order(counts.begin(), counts.end());
  std::ranges::stable_sort(order, [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> out;
  for (const auto& [label, count] : order)
    out.push_back((label.empty() ? "no label" : label) + " " + std::to_string(count));
  return listed(out);
}

void print_clusters(const std::string& title, const std::vector<landscape::Cluster>& clusters,
                    const std::map<std::string, std::string>* label_of, const Console& console) {
  using report::Align;
  console.print_line("");
  console.print_line("clusters by " + title);
  std::vector<report::Column> columns = {{"id", Align::kRight}, {"name", Align::kLeft}, {"size", Align::kRight}};
  if (label_of) columns.push_back({"labels", Align::kLeft});
  columns.push_back({"members", Align::kLeft});
  report::Table table(columns);
  for (const auto& c : clusters) {
    std::vector<std::string> cells = {std::to_string(c.id), c.name.empty() ? "-" : c.name,
                                      std::to_string(c.members.size())};
    if (label_of) cells.push_back(labels_of(c, *label_of));
    cells.push_back(listed(c.members));
    table.add(std::move(cells));
  }
  console.print_table(table);
}

void print_agreement(const landscape::Clustering& clustering, const std::vector<store::Record>& records,
                     const Console& console) {
  using report::Align;
  if (!clustering.agreement) return;
  const landscape::LabelAgreement& a = *clustering.agreement;
  console.print_line("");
  console.print_line("labels and vectors: adjusted Rand " + ratio(a.clusters.adjusted_rand) +
                     ", normalised mutual information " + ratio(a.clusters.mutual_information) + ", purity " +
                     ratio(a.clusters.purity) + " of " + std::to_string(a.clusters.members) +
                     " labelled; nearest neighbour of the same label " + ratio(a.nearest) +
                     (a.nearest_found ? " (" + ratio(a.nearest_found) + " of the nearest found)" : ""));
  if (a.strays.empty()) return;
  console.print_line("among other labels: " + std::to_string(a.strays.size()));
  report::Table table({{"name", Align::kLeft},
                       {"label", Align::kLeft},
                       {"nearest", Align::kLeft},
                       {"its label", Align::kLeft},
                       {"cosine", Align::kRight},
                       {"cluster", Align::kRight},
                       {"mostly", Align::kLeft}});
  for (std::size_t i = 0; i < a.strays.size() && i < kMostStrays; ++i) {
    const landscape::Surroundings& s = a.strays[i];
    table.add({records[s.record].name, records[s.record].label, records[s.nearest].name, records[s.nearest].label,
               ratio(s.cosine), std::to_string(*clustering.assignment[s.record]), listed(s.of_cluster)});
  }
  console.print_table(table);
  if (a.strays.size() > kMostStrays)
    console.note(std::to_string(a.strays.size() - kMostStrays) + " more among other labels; --json lists them");
}

void print_clustering(const landscape::Clustering& clustering, const std::vector<store::Record>& records,
                      const Console& console) {
  print_silhouette(clustering, console);
  const bool by_labels = clustering.method == landscape::ClusterMethod::kLabels;
  if (by_labels) print_clusters("labels", clustering.clusters, nullptr, console);
  std::map<std::string, std::string> label_of;
  for (const auto& record : records) label_of[record.name] = record.label;
  const landscape::FoundClusters& found = clustering.found;
  std::string title = name_of(found.method);
  if (found.fit) title += ", fit " + ratio(found.fit) + sampling_note(found.fit_sampled, found.fit_error);
  print_clusters(title, found.clusters, clustering.agreement ? &label_of : nullptr, console);
  print_agreement(clustering, records, console);
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
  const store::Selection selection = verb.view.select(console);
  const std::vector<store::Record>& records = selection.records;
  const landscape::ClusterOptions options{landscape::cluster_method(verb.method), verb.k, verb.seed, selection.row};
  ProgressBar progress(console);
  progress.begin("clustering", 0);
  const landscape::Clustering clustering = landscape::cluster(records, options);
  if (!verb.out.empty()) write_assignments(clustering, records, verb.out);
  if (selection.space) keep(verb.view, selection.space->stored.id, clustering, records, console);

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
    print_clustering(clustering, records, console);
    if (small && !records.empty()) print_matrix(records, *matrix, console);
    if (!small && verb.matrix_file.empty())
      console.note("the cosine matrix of more than " + std::to_string(kMaxPrintedMatrix) +
                   " variants goes to a file: --matrix F.csv");
  }
  return kExitDone;
}

}  // namespace

void add_cluster(CLI::App& app, Session& session) {
  CLI::App* verb =
      add_verb(app, session, "cluster", "Clusters, how labels agree with them, silhouette, and the cosine matrix",
               "deltascape cluster -k 3 --method kmeans --matrix cosines.csv");
  const auto options = std::make_shared<ClusterVerb>();
  options->view.add_store(*verb);
  options->view.add_where(*verb);
  options->view.add_space(*verb);
  options->view.add_layer(*verb);
  verb->add_option("-k", options->k, "How many clusters; 0 finds the number by silhouette")
      ->check(CLI::Range(0, 1'000'000'000))
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--method", options->method,
                   "auto takes labels where most variants have one, else agglomerative (k-means above 10000 variants)")
      ->check(CLI::IsMember({"auto", "labels", "kmeans", "agglomerative"}))
      ->type_name("NAME")
      ->capture_default_str();
  verb->add_option("--seed", options->seed, "Seed for k-means and for the silhouette's interval")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N")
      ->capture_default_str();
  verb->add_option("--out", options->out, "Write name,label,cluster,cluster_name of every variant there")
      ->type_name("F.csv");
  verb->add_option("--matrix", options->matrix_file, "Write the cosine matrix there")->type_name("F.csv");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return cluster(*options, session.console); }; });
}

}  // namespace deltascape::cli
