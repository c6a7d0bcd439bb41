// Searches and clusters a store, and draws its map: search_store STORE.db NAME MAP.html
#include <deltascape/cluster.h>
#include <deltascape/error.h>
#include <deltascape/map.h>
#include <deltascape/near.h>

#include <cstdio>

namespace landscape = deltascape::landscape;
namespace store = deltascape::store;

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::fprintf(stderr, "usage: search_store STORE.db NAME MAP.html\n");
    return 2;
  }
  const auto file = store::Store::open(argv[1], store::Store::Mode::kReadWrite);
  for (const landscape::Neighbour& n : deltascape::near(*file, {.model = argv[2], .k = 3}))
    std::printf("near %s %.6f\n", n.name.c_str(), n.cosine.value_or(0));

  const store::Selection selection = store::select(*file);
  const landscape::Clustering clusters = landscape::cluster(selection.records, {.row = selection.row});
  for (const landscape::Cluster& cluster : clusters.found.clusters)
    std::printf("cluster %s of %zu\n", cluster.name.c_str(), cluster.members.size());
  if (selection.space)
    file->keep_clusters(selection.space->stored.id, landscape::assignments_of(clusters, selection.records));

  deltascape::report::write_map(deltascape::report::make_map(selection.records), argv[3]);
  return 0;
} catch (const deltascape::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
