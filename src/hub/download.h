// Owns bringing one repository's needed files from the hub into the cache.
#pragma once

#include "deltascape/progress.h"
#include "hub/environment.h"
#include "hub/fetch.h"
#include "hub/resolve.h"

namespace deltascape::hub {

// Asks the hub for the revision's commit and files, and gets those that are needed and not there: under a lock, resumed
// where an earlier download stopped, checked by size and by the hash that names them. refs/REVISION is written when all
// are there; `check` sees the configuration before the rest comes. Throws Error: one line that names repository and
// file.
Resolved download(const HubId& id, const Settings& settings, Progress& progress, const ConfigurationCheck& check);

}  // namespace deltascape::hub
