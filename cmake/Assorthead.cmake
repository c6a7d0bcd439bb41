# Owns finding the header-only libraries of the PyPI package assorthead: umappp, qdtsne, irlba and what they include
# (knncolle, Eigen, …); their licences lie beside the headers. Looks, in order, at ASSORTHEAD_ROOT (a folder with
# include/), the Python given as DELTASCAPE_PYTHON, the project's .venv, and python3 on the PATH. OpenMP stays LibTorch's:
# the libraries run on the threads that they are given.
if(NOT ASSORTHEAD_ROOT)
  foreach(_python ${DELTASCAPE_PYTHON} ${PROJECT_SOURCE_DIR}/.venv/bin/python python3)
    execute_process(
      COMMAND ${_python} -c "import importlib.util as u; print(u.find_spec('assorthead').submodule_search_locations[0])"
      OUTPUT_VARIABLE _root OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE _failed)
    if(NOT _failed)
      set(ASSORTHEAD_ROOT ${_root} CACHE PATH "Folder of the assorthead package")
      break()
    endif()
  endforeach()
endif()
find_path(ASSORTHEAD_INCLUDE_DIR umappp/umappp.hpp PATHS ${ASSORTHEAD_ROOT}/include NO_DEFAULT_PATH)
if(NOT ASSORTHEAD_INCLUDE_DIR)
  message(FATAL_ERROR "the headers of assorthead are missing: install the Python package assorthead 0.2.2 "
    "(scripts/bootstrap.sh does), or set ASSORTHEAD_ROOT to a folder with its include/")
endif()
mark_as_advanced(ASSORTHEAD_INCLUDE_DIR)
add_library(deltascape_assorthead INTERFACE)
target_include_directories(deltascape_assorthead SYSTEM INTERFACE ${ASSORTHEAD_INCLUDE_DIR})
target_compile_definitions(deltascape_assorthead INTERFACE EIGEN_MPL2_ONLY EIGEN_DONT_PARALLELIZE SUBPAR_NO_OPENMP
  SUBPAR_NO_OPENMP_SIMPLE)
