# The library for embedders, made from the rooms, and what `cmake --install` lays down:
#   bin/run-model, bin/concord-cts     include/concord/**     lib/libconcord.a     lib/concord/libconcord_backend_*.so
#   lib/cmake/concord/                 find_package(concord): concord::concord, concord::plugin_sdk, concord_add_plugin()
include(CMakePackageConfigHelpers)

# One archive of all rooms that exist, so that an embedder links one thing; what the rooms need from outside comes along.
set(concord_objects)
set(concord_needs)
foreach(room base ops hal graph loader models text exec kernels_cpu backend_cpu backend_reference
             linked_backends)
  if(TARGET concord_${room})
    get_target_property(needs concord_${room} LINK_LIBRARIES)
    list(FILTER needs EXCLUDE REGEX "concord|nlohmann|NOTFOUND")  # other rooms; headers that only our sources include
    list(APPEND concord_needs ${needs})
    list(APPEND concord_objects $<TARGET_OBJECTS:concord_${room}>)
  endif()
endforeach()
list(REMOVE_DUPLICATES concord_needs)

add_library(concord STATIC ${concord_objects})
add_library(concord::concord ALIAS concord)
set_target_properties(concord PROPERTIES LINKER_LANGUAGE CXX)
target_compile_features(concord INTERFACE cxx_std_20)
target_include_directories(concord INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/runtime/include> $<BUILD_INTERFACE:${CONCORD_GENERATED_DIR}/include>
  $<INSTALL_INTERFACE:include>)
target_link_libraries(concord PUBLIC ${concord_needs} ${CMAKE_DL_LIBS})

install(TARGETS concord EXPORT concordTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS concord_plugin_sdk EXPORT concordSdkTargets)
foreach(program run-model concord-cts)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
if(TARGET concord_backend_cpu_so)
  install(TARGETS concord_backend_cpu_so LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/concord)
endif()

# Headers. Those of packings and SDK live in other folders here than there, so the includes among them are rewritten.
install(DIRECTORY runtime/include/concord "${CONCORD_GENERATED_DIR}/include/concord" DESTINATION include
        FILES_MATCHING PATTERN "*.h")
set(moved_headers "${CONCORD_GENERATED_DIR}/installed/concord")
function(concord_moved_headers from to)
  file(GLOB headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/${from}" "${PROJECT_SOURCE_DIR}/${from}/*.h")
  foreach(header ${headers})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${from}/${header}")
    file(READ "${PROJECT_SOURCE_DIR}/${from}/${header}" text)
    string(REPLACE "#include \"runtime/base/packing/" "#include \"concord/packing/" text "${text}")
    string(REPLACE "#include \"backends/sdk/" "#include \"concord/sdk/" text "${text}")
    file(CONFIGURE OUTPUT "${moved_headers}/${to}/${header}" CONTENT "${text}" @ONLY)
  endforeach()
endfunction()
concord_moved_headers(runtime/base/packing packing)
concord_moved_headers(backends/sdk sdk)
install(DIRECTORY "${moved_headers}" DESTINATION include OPTIONAL)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/concord")
install(EXPORT concordTargets NAMESPACE concord:: DESTINATION ${package_dir})
install(EXPORT concordSdkTargets NAMESPACE concord:: DESTINATION ${package_dir})
configure_package_config_file(cmake/concordConfig.cmake.in "${PROJECT_BINARY_DIR}/concordConfig.cmake"
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/concordConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/concordConfig.cmake" "${PROJECT_BINARY_DIR}/concordConfigVersion.cmake"
              cmake/ConcordPlugin.cmake cmake/concord_plugin.map DESTINATION ${package_dir})
