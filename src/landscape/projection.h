// The same layouts from rows that are there already.
#pragma once

#include "deltascape/projection.h"
#include "landscape/rows.h"

namespace deltascape::landscape {

// From the records' rows: unit rows for t-SNE and UMAP of cosine distances, else any.
Layout project(const Rows& rows, const ProjectionOptions& options = {});

}  // namespace deltascape::landscape
