// Specifies spaces of inner products: what a store keeps of them, and the vectors that it shows.
#include "store/products.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "store/store_testing.h"

namespace deltascape::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Vectors whose inner products a representation would give: of lengths from 1e-3 to 1e3, two of them parallel, one
// zero.
class ProductSpace : public StoreTest {
 protected:
  static constexpr std::size_t kCount = 6, kWidth = 9;

  ProductSpace() {
    std::mt19937_64 random(7);
    std::normal_distribution<double> normal;
    for (std::size_t i = 0; i < kCount; ++i)
      for (std::size_t k = 0; k < kWidth; ++k)
        vectors_[i][k] = normal(random) * std::pow(10.0, static_cast<double>(i) - 3);
    for (std::size_t k = 0; k < kWidth; ++k) vectors_[4][k] = -2 * vectors_[1][k];
    for (std::size_t k = 0; k < kWidth; ++k) vectors_[5][k] = 0;
  }

  double product(std::size_t i, std::size_t j) const {
    double out = 0;
    for (std::size_t k = 0; k < kWidth; ++k) out += vectors_[i][k] * vectors_[j][k];
    return out;
  }
  static std::string hash_of(std::size_t i) { return "v2-" + std::to_string(i); }
  // As a run that measured these variants makes it.
  Record measured(std::size_t i, std::initializer_list<std::size_t> together,
                  const std::string& similarity = "") const {
    Record r;
    r.name = "v" + std::to_string(i);
    r.path = "/pool/" + r.name;
    r.space = {
        .representation = "flattened", .parameters = {{"form", "delta"}}, .base = "base-hash", .base_name = "tiny"};
    if (!similarity.empty()) r.space.parameters["similarity"] = similarity;
    r.variant_hash = hash_of(i);
    r.precision = "fp32";
    r.created = "2026-01-02T03:04:05Z";
    for (const std::size_t j : together) r.products[hash_of(j)] = product(i, j);
    r.norm = std::sqrt(product(i, i));
    r.no_effect = r.norm == 0;
    return r;
  }
  void fill(Store& store) const {
    for (std::size_t i = 0; i < kCount; ++i) store.put(measured(i, {0, 1, 2, 3, 4, 5}));
  }
  void expect_products(const std::vector<Record>& records) const {
    for (const Record& a : records)
      for (const Record& b : records) {
        const auto i = static_cast<std::size_t>(a.name[1] - '0'), j = static_cast<std::size_t>(b.name[1] - '0');
        ASSERT_EQ(a.mean.size(), b.mean.size());
        ASSERT_EQ(static_cast<std::size_t>(a.dim), a.mean.size());
        double sum = 0;
        for (std::size_t k = 0; k < a.mean.size(); ++k) sum += double{a.mean[k]} * b.mean[k];
        // Values of vectors are float32, and 1e-12 of a squared length may be left out.
        const double lengths = std::sqrt(product(i, i) * product(j, j));
        EXPECT_NEAR(sum, product(i, j), 2e-6 * lengths) << a.name << " " << b.name;
        EXPECT_DOUBLE_EQ(a.products.at(b.variant_hash), product(i, j));
      }
  }

  std::array<std::array<double, kWidth>, kCount> vectors_{};
};

TEST_F(ProductSpace, ShowsVectorsThatHaveTheProducts) {
  fill(*create());
  const auto store = read();
  const std::vector<Record> records = store->records();
  ASSERT_EQ(records.size(), kCount);
  expect_products(records);
  EXPECT_EQ(records.front().dim, 4) << "the rank: one is parallel to another, and one is zero";
  EXPECT_TRUE(records.back().no_effect);
}

TEST_F(ProductSpace, EveryWayOfReadingShowsTheSameVectors) {
  fill(*create());
  const auto store = read();
  const std::vector<Record> all = store->records({}, Numbers::kMean);
  const Embeddings embeddings = store->embeddings({});
  ASSERT_EQ(embeddings.facts.size(), kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(store->get(all[i].name).mean, all[i].mean);
    EXPECT_EQ(store->records(Query().of(all[i].name)).front().mean, all[i].mean);
    const auto first = embeddings.vectors.begin() + static_cast<std::ptrdiff_t>(i) * embeddings.dim;
    EXPECT_EQ(std::vector<float>(first, first + embeddings.dim), all[i].mean);
  }
  for (const Record& facts : store->records({}, Numbers::kNone)) EXPECT_THAT(facts.mean, IsEmpty());
}

TEST_F(ProductSpace, GrowsByVariantsThatWereMeasuredBesideItsOwn) {
  const auto store = create();
  store->put(measured(0, {0, 1}));
  store->put(measured(1, {0, 1}));
  store->put(measured(2, {2, 0, 1}));
  store->put(measured(3, {3, 2, 1, 0}));
  expect_products(store->records());
}

TEST_F(ProductSpace, RefusesAVariantWhoseProductsWithTheOthersAreNotKnown) {
  const auto store = create();
  store->put(measured(0, {0}));
  try {
    store->put(measured(1, {1}));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
    EXPECT_THAT(e.what(), HasSubstr("v1"));
    EXPECT_THAT(e.what(), HasSubstr("v0"));
  }
  EXPECT_THAT(store->names(), ElementsAre("v0"));
}

TEST_F(ProductSpace, RemovedAndMeasuredAgain) {
  const auto store = create();
  fill(*store);
  store->remove({Query().of("v2")});
  expect_products(store->records());
  EXPECT_EQ(store->names().size(), kCount - 1);
  store->put(measured(2, {0, 1, 2, 3, 4, 5}));
  store->put(measured(0, {0, 1, 2, 3, 4, 5}));  // again: in place of its row
  expect_products(store->records());
  EXPECT_EQ(store->names().size(), kCount);
}

// What sets share is counted; two alike are one, none in common is nothing.
TEST_F(ProductSpace, OfSetsTheShareOfTheirUnion) {
  const auto store = create();
  const double counts[3][3] = {{4, 2, 0}, {2, 6, 0}, {0, 0, 3}};
  for (std::size_t i = 0; i < 3; ++i) {
    Record r = measured(i, {}, "jaccard");
    for (std::size_t j = 0; j < 3; ++j) r.products[hash_of(j)] = counts[i][j];
    r.norm = std::sqrt(counts[i][i]);
    store->put(r);
  }
  const std::vector<Record> records = store->records();
  const auto dot = [&](std::size_t i, std::size_t j) {
    double sum = 0;
    for (std::size_t k = 0; k < records[i].mean.size(); ++k) sum += double{records[i].mean[k]} * records[j].mean[k];
    return sum;
  };
  EXPECT_NEAR(dot(0, 0), 1, 1e-6);
  EXPECT_NEAR(dot(0, 1), 2.0 / 8, 1e-6);
  EXPECT_NEAR(dot(1, 2), 0, 1e-6);
  EXPECT_EQ(records[0].products.at(hash_of(1)), 2) << "what was measured";
}

TEST_F(ProductSpace, MovesToAnotherStoreAndThroughAnNpz) {
  const auto store = create();
  fill(*store);
  const auto other = create("other.db");
  const ImportReport report = import_into(*other, file());
  EXPECT_EQ(report.added.size(), kCount);
  expect_products(other->records());
  export_records(store->records(), file("e.npz"));
  const auto third = create("third.db");
  import_into(*third, file("e.npz"));
  expect_products(third->records());
  EXPECT_EQ(third->spaces().front().hash, store->spaces().front().hash) << "the same space, with no parameter added";
  // One from elsewhere has no products with those that are here.
  const auto own = create("own.db");
  own->put(measured(0, {0}));
  const auto apart = create("apart.db");
  apart->put(measured(3, {3}));
  EXPECT_THROW(import_into(*own, file("apart.db")), Error);
}

TEST_F(ProductSpace, AKindOfDamageIsNamed) {
  for (const char* damage : {"UPDATE gram SET block = x'05' WHERE rowid = 2", "DELETE FROM gram WHERE rowid = 2",
                             "UPDATE gram SET block = x'0476322d30000000000000f87f' WHERE rowid = 1"}) {
    std::filesystem::remove(file());
    fill(*create());
    {
      Database database(file(), Database::Access::kReadWrite);
      database.run(damage);
    }
    EXPECT_THROW(read()->records(), Error) << damage;
  }
}

TEST(VectorsOf, AreAsManyAsTheRank) {
  std::size_t rank = 0;
  const std::vector<float> vectors = vectors_of({4, 2, 6, 2, 1, 3, 6, 3, 9}, 3, rank);  // multiples of (2, 1, 3)
  EXPECT_EQ(rank, 1u);
  EXPECT_THAT(vectors, testing::Pointwise(testing::FloatNear(1e-6f), {2.f, 1.f, 3.f}));
  EXPECT_THAT(vectors_of({0}, 1, rank), ElementsAre(0.f));
}

}  // namespace
}  // namespace deltascape::store
