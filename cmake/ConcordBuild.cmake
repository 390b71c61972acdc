# How every target of the tree is compiled, and the functions that rooms use to declare themselves.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# -O2: only the kernels gain from -O3, and they ask for it themselves (kernels/CMakeLists.txt); the rest builds faster.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")

# Programs in bin/, plugins in lib/, wherever their rooms are.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")

find_program(CONCORD_CCACHE ccache)
mark_as_advanced(CONCORD_CCACHE)
foreach(language C CXX)
  if(CONCORD_CCACHE AND NOT DEFINED CMAKE_${language}_COMPILER_LAUNCHER)
    set(CMAKE_${language}_COMPILER_LAUNCHER "${CONCORD_CCACHE}")
  endif()
endforeach()

# Designated initialisers leave out what keeps its default; -Wextra would forbid just that.
add_compile_options(-Wall -Wextra -Werror -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # gcc 12 at -O3 sees uninitialised members of moved-from std::map, std::optional and std::variant where there are none.
  add_compile_options(-Wno-maybe-uninitialized)
endif()
if(CONCORD_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()
if(CONCORD_SANITIZE)
  add_compile_options(-fsanitize=${CONCORD_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CONCORD_SANITIZE})
endif()

get_filename_component(CONCORD_SOURCE_ROOT "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(CONCORD_GENERATED_DIR "${PROJECT_BINARY_DIR}/generated")

# concord_room(NAME DEPS...): the static library concord_NAME of all .cc files below the current folder.
function(concord_room name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  if(NOT sources)  # a room of headers is still a library to link
    set(sources "${CONCORD_GENERATED_DIR}/empty_${name}.cc")
    file(CONFIGURE OUTPUT "${sources}" CONTENT "// concord_${name} has headers only.\n")
  endif()
  add_library(concord_${name} STATIC ${sources})
  target_include_directories(concord_${name} PUBLIC "${CONCORD_SOURCE_ROOT}" "${CONCORD_SOURCE_ROOT}/runtime/include")
  # Of the system: what protoc writes is no warning of ours.
  target_include_directories(concord_${name} SYSTEM PUBLIC "${CONCORD_GENERATED_DIR}" "${CONCORD_GENERATED_DIR}/include")
  target_link_libraries(concord_${name} PUBLIC ${ARGN})
endfunction()

# concord_list(FILE MACRO WORDS...): writes FILE with one line MACRO(word) a word; the words must be sorted and unique,
# so that two people adding a line seldom meet in the same place.
function(concord_list file macro)
  set(words ${ARGN})
  set(sorted ${words})
  list(SORT sorted)
  if(NOT "${words}" STREQUAL "${sorted}")
    message(FATAL_ERROR "${file}: the list is not sorted: got ${words}; want ${sorted}")
  endif()
  set(text "// Generated from the sorted list in ${CMAKE_CURRENT_SOURCE_DIR}/CMakeLists.txt.\n")
  foreach(word ${words})
    string(APPEND text "${macro}(${word})\n")
  endforeach()
  file(GENERATE OUTPUT "${CONCORD_GENERATED_DIR}/${file}" CONTENT "${text}")
endfunction()

# concord_include_list(FILE FOLDER WORDS...): writes FILE with one line #include "FOLDER/word.h" a word, for lists whose every
# word has a header.
function(concord_include_list file folder)
  set(text "// Generated from the sorted list in ${CMAKE_CURRENT_SOURCE_DIR}/CMakeLists.txt.\n")
  foreach(word ${ARGN})
    string(APPEND text "#include \"${folder}/${word}.h\"\n")
  endforeach()
  file(GENERATE OUTPUT "${CONCORD_GENERATED_DIR}/${file}" CONTENT "${text}")
endfunction()
