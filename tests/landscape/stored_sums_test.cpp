// Specifies that sums and decompositions over a store are those of its records.
#include "deltascape/add.h"
#include "deltascape/decompose.h"
#include "landscape/landscape_goldens.h"
#include "temporary_folder.h"

namespace deltascape::landscape {
namespace {

TEST(Store, SumsAndPartsAreThoseOfItsRecords) {
  const Json g = golden("addition");
  std::vector<store::Record> pool;
  for (const Json& one : g["pool"])
    pool.push_back(probed("v" + std::to_string(pool.size()), "", one.get<std::vector<std::vector<float>>>()));
  const testing::TemporaryFolder folder;
  const auto store = store::Store::open(folder.path() / "s.db", store::Store::Mode::kCreate);
  for (store::Record& r : pool) {
    r.variant_hash = "hash of " + r.name;
    r.norm = 1;
    store->put(r);
  }
  for (const bool without_common : {false, true}) {
    StoredAddOptions sum;
    sum.parts = {"v0", "v1"};
    sum.without_common = without_common;
    const Addition nearest = add(*store, sum);
    const Addition expected = add({pool[0], pool[1]}, nullptr, pool, {.without_common = without_common});
    ASSERT_EQ(nearest.nearest.size(), 5u);
    for (std::size_t n = 0; n < 5; ++n) {
      EXPECT_EQ(nearest.nearest[n].name, expected.nearest[n].name);
      EXPECT_NEAR(*nearest.nearest[n].low, *expected.nearest[n].low, 1e-9);
    }
    sum.is = "v2";
    EXPECT_NEAR(*add(*store, sum).gain->high,
                *add({pool[0], pool[1]}, &pool[2], pool, {.without_common = without_common}).gain->high, 1e-9);

    StoredDecomposeOptions parts;
    parts.model = "v2";
    parts.k = 2;
    parts.without_common = without_common;
    const auto [name, found] = decompose(*store, parts);
    const Decomposition same = decompose(pool[2], pool, {.k = 2, .without_common = without_common});
    EXPECT_EQ(name, "v2");
    EXPECT_EQ(found.candidates, 8u);
    ASSERT_EQ(found.parts.size(), same.parts.size());
    EXPECT_NEAR(found.residual, same.residual, 1e-9);
    EXPECT_NEAR(*found.parts[0].low, *same.parts[0].low, 1e-9);
    parts.into = {"v0", "v1"};
    EXPECT_EQ(decompose(*store, parts).decomposition.candidates, 2u);
  }
}

}  // namespace
}  // namespace deltascape::landscape
