// The objects in a JSON document's "rows", each as its text: a hundred thousand of them parsed at once would take
// hundreds of megabytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace deltascape::store {

class RowTexts {
 public:
  RowTexts() = default;
  // A document without such a list of objects, or with one that is broken, has no rows and is its own rest.
  explicit RowTexts(std::string document);
  std::size_t size() const { return rows_.size(); }
  std::string_view row(std::size_t i) const {
    return std::string_view(document_).substr(rows_[i].first, rows_[i].second);
  }
  // The document with an empty list in their place.
  const std::string& rest() const { return rest_; }

 private:
  std::string document_, rest_;
  std::vector<std::pair<std::size_t, std::size_t>> rows_;  // start, length
};

}  // namespace deltascape::store
