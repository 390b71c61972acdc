# For authors of backend plugins, in this tree and against an installed Concord alike.

# concord_add_plugin(NAME SOURCES...): libconcord_backend_NAME.so, a module with the one exported symbol.
function(concord_add_plugin name)
  add_library(concord_plugin_${name} MODULE ${ARGN})
  set_target_properties(concord_plugin_${name} PROPERTIES OUTPUT_NAME concord_backend_${name} PREFIX lib)
  target_link_libraries(concord_plugin_${name} PRIVATE concord::plugin_sdk)
endfunction()
