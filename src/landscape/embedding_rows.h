// The embeddings of many records as rows of numbers.
#pragma once

#include "landscape/rows.h"
#include "landscape/similarity.h"
#include "store/store.h"

namespace deltascape::landscape {

// One row a record. Error(kMismatch) when the records are not comparable.
Rows unit_rows(const std::vector<store::Record>& records, Row row = {});     // of length one; without effect: zeros
Rows plain_rows(const std::vector<store::Record>& records, Row row = {});    // as they are
Rows centred_rows(const std::vector<store::Record>& records, Row row = {});  // as they are, their mean row taken off

Rows rows_of(const store::Embeddings& embeddings);  // as they are

}  // namespace deltascape::landscape
