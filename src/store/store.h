// The store's public header, under the name that this room and those below it include.
#pragma once

#include "deltascape/store.h"
