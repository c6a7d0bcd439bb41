# Owns putting text files into the program. Included, it gives deltascape_embed_files; run as a script (cmake -P), it
# writes the C++ source.

# deltascape_embed_files(TARGET HEADER FILE...): FILE a/b.css becomes `const std::string_view kB_css` (declared in
# HEADER, namespace deltascape::embedded); it is written anew when the file changes.
function(deltascape_embed_files target header)
  set(out ${PROJECT_BINARY_DIR}/embedded/${target}.cpp)
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE files)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DHEADER=${header} -DOUT=${out} "-DFILES=${files}" -P ${CMAKE_CURRENT_FUNCTION_LIST_FILE}
    DEPENDS ${files} ${CMAKE_CURRENT_FUNCTION_LIST_FILE} VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()

if(CMAKE_SCRIPT_MODE_FILE AND OUT)
  set(code "// Written by cmake/EmbedFiles.cmake.\n#include \"${HEADER}\"\n\nnamespace deltascape::embedded {\n\n")
  foreach(file ${FILES})
    get_filename_component(name ${file} NAME)
    string(REGEX REPLACE "[^A-Za-z0-9]" "_" name ${name})
    string(SUBSTRING ${name} 0 1 first)
    string(SUBSTRING ${name} 1 -1 rest)
    string(TOUPPER ${first} first)
    file(READ ${file} text)
    string(APPEND code "const std::string_view k${first}${rest} = R\"embedded(${text})embedded\";\n\n")
  endforeach()
  file(WRITE ${OUT} "${code}}  // namespace deltascape::embedded\n")
endif()
