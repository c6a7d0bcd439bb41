# Finds LibTorch inside the pip wheel of torch, CPU or CUDA, without needing a CUDA toolkit (the wheel's own CMake
# package asks for one). Looks, in order, at LIBTORCH_ROOT (a folder with include/ and lib/), the Python given as
# DELTASCAPE_PYTHON, the project's .venv, and python3 on the PATH.
# Sets LibTorch_VERSION and the target LibTorch::LibTorch.
set(_pythons ${DELTASCAPE_PYTHON} ${PROJECT_SOURCE_DIR}/.venv/bin/python python3)
if(NOT LIBTORCH_ROOT)
  foreach(_python ${_pythons})
    execute_process(
      COMMAND ${_python} -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
      OUTPUT_VARIABLE _root OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE _failed)
    if(NOT _failed)
      set(LIBTORCH_ROOT ${_root} CACHE PATH "Folder of the torch wheel")
      break()
    endif()
  endforeach()
endif()

if(LIBTORCH_ROOT AND EXISTS ${LIBTORCH_ROOT}/version.py)
  file(STRINGS ${LIBTORCH_ROOT}/version.py _version REGEX "^__version__")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LibTorch_VERSION "${_version}")
elseif(LIBTORCH_ROOT AND EXISTS ${LIBTORCH_ROOT}/build-version)
  file(READ ${LIBTORCH_ROOT}/build-version _version)
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" LibTorch_VERSION "${_version}")
endif()

find_path(LibTorch_INCLUDE_DIR ATen/ATen.h PATHS ${LIBTORCH_ROOT}/include NO_DEFAULT_PATH)
find_library(LibTorch_CPU_LIBRARY torch_cpu PATHS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 PATHS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)
find_library(LibTorch_CUDA_LIBRARY torch_cuda PATHS ${LIBTORCH_ROOT}/lib NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "install torch >= 2.11 (scripts/bootstrap.sh does), or set LIBTORCH_ROOT or DELTASCAPE_PYTHON")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  find_package(Threads REQUIRED)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch SYSTEM INTERFACE
    ${LibTorch_INCLUDE_DIR} ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include)
  target_link_libraries(LibTorch::LibTorch INTERFACE ${LibTorch_CPU_LIBRARY} ${LibTorch_C10_LIBRARY} Threads::Threads)
  # ATen's parallel_for is a template over OpenMP: without the flag our loops would run on one core. One pool for all:
  # the runtime that the wheel brings, where it brings one.
  target_compile_options(LibTorch::LibTorch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fopenmp>)
  file(GLOB _runtimes ${LIBTORCH_ROOT}/lib/libgomp*.so* ${LIBTORCH_ROOT}/../torch.libs/libgomp*.so*)
  if(_runtimes)
    list(GET _runtimes 0 _runtime)
    target_link_libraries(LibTorch::LibTorch INTERFACE ${_runtime})
  else()
    target_link_libraries(LibTorch::LibTorch INTERFACE gomp)
  endif()
  # The wheel's libraries carry their own run paths to the packages beside them.
  target_link_options(LibTorch::LibTorch INTERFACE -Wl,-rpath,${LIBTORCH_ROOT}/lib -Wl,--allow-shlib-undefined)
  if(LibTorch_CUDA_LIBRARY)
    # Nothing calls into it by name: keep it, since its static initialisers register the CUDA kernels.
    target_link_options(LibTorch::LibTorch INTERFACE -Wl,--no-as-needed ${LibTorch_CUDA_LIBRARY} -Wl,--as-needed)
  endif()
endif()
mark_as_advanced(LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_CUDA_LIBRARY LibTorch_INCLUDE_DIR)
