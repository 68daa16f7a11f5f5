# Flags and library wrappers shared by every folder.

option(NEAP_SANITIZE "Build with address and undefined behaviour sanitizers" OFF)
option(NEAP_ASSERTIONS "Keep assertions in release builds" ON)

if(NEAP_ASSERTIONS)
  string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
endif()
# -O1 compiles in half the time of -O3; the compiler's own hot loops live in
# passes/Solvers, which raises its level.
string(REPLACE "-O3" "-O1" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")

add_library(neap_flags INTERFACE)
# Without contraction plans, which weigh costs in floating point, are the same
# on every machine.
target_compile_options(neap_flags INTERFACE -Wall -Wextra -Werror
                       -Wno-unused-parameter -ffp-contract=off)
target_include_directories(neap_flags INTERFACE ${PROJECT_SOURCE_DIR}
                           ${PROJECT_BINARY_DIR})
if(NEAP_SANITIZE)
  target_compile_options(neap_flags INTERFACE -fsanitize=address,undefined
                         -fno-omit-frame-pointer)
  target_link_options(neap_flags INTERFACE -fsanitize=address,undefined)
endif()

# Headers of MLIR/LLVM as system headers, so that -Werror judges our code only.
add_library(neap_mlir INTERFACE)
target_include_directories(neap_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS}
                           ${MLIR_INCLUDE_DIRS})
target_compile_options(neap_mlir INTERFACE
                       -include ${PROJECT_SOURCE_DIR}/cmake/LlvmStatistic.h)
target_link_libraries(neap_mlir INTERFACE MLIR LLVM)

# neap_add_library(NAME sources... [LINK libs...] [MLIR])
# A static library of one folder. MLIR adds LLVM's headers, the dylib and the
# shared precompiled header, and waits for every TableGen output.
function(neap_add_library name)
  cmake_parse_arguments(ARG "MLIR" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC neap_flags ${ARG_LINK})
  if(ARG_MLIR)
    target_link_libraries(${name} PUBLIC neap_mlir)
    target_precompile_headers(${name} REUSE_FROM neap_pch)
    add_dependencies(${name} neap_tablegen)
  endif()
endfunction()

# One precompiled header for every library that sees MLIR: most of a
# translation unit's compile time is upstream's headers.
file(WRITE ${PROJECT_BINARY_DIR}/pch.cpp "")
add_library(neap_pch OBJECT ${PROJECT_BINARY_DIR}/pch.cpp)
target_link_libraries(neap_pch PUBLIC neap_flags neap_mlir)
target_precompile_headers(neap_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/Pch.h)

# Every TableGen target of dialects/ and passes/ hangs below this one.
add_custom_target(neap_tablegen)

# neap_add_gtest(NAME sources... [LINK libs...] [MLIR])
# A GoogleTest executable registered with ctest under its own name.
function(neap_add_gtest name)
  cmake_parse_arguments(ARG "MLIR" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE neap_flags ${ARG_LINK} GTest::gtest_main)
  if(ARG_MLIR)
    target_link_libraries(${name} PRIVATE neap_mlir)
    add_dependencies(${name} neap_tablegen)
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY
                        ${CMAKE_BINARY_DIR}/test)
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# neap_reference(NAME generator args...): one page of the generated reference,
# build/docs/NAME.md, from the LLVM_TARGET_DEFINITIONS in force. The pages are
# built by the target neap-docs alone.
add_custom_target(neap-docs)
function(neap_reference name)
  mlir_tablegen(${name}.md ${ARGN})
  set(page ${PROJECT_BINARY_DIR}/docs/${name}.md)
  add_custom_command(OUTPUT ${page}
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_BINARY_DIR}/${name}.md ${page}
    DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${name}.md)
  add_custom_target(neap-docs-${name} DEPENDS ${page})
  add_dependencies(neap-docs neap-docs-${name})
endfunction()
