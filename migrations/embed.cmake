# embed_migrations(ENGINE FILE...): defines the library threadstore_ENGINE_migrations, whose
# function threadstore::ENGINE_migrations() (declared in server/store/migration.h as Migrations)
# returns the files in order. A migration's number is its file name's first four digits.
function(embed_migrations engine)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${engine}_migrations.cc)
  set(body "")
  foreach(file ${ARGN})
    file(READ ${CMAKE_CURRENT_SOURCE_DIR}/${file} sql)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    get_filename_component(name ${file} NAME_WE)
    string(SUBSTRING ${name} 0 4 number)
    math(EXPR number "${number}")
    string(APPEND body "      {${number}, \"${name}\", R\"sql(${sql})sql\"},\n")
  endforeach()
  string(SUBSTRING ${engine} 0 1 first)
  string(TOUPPER ${first} first)
  string(SUBSTRING ${engine} 1 -1 rest)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"// Generated from migrations/${engine}/*.sql.
#include \"server/store/migration.h\"

namespace threadstore {

const std::vector<Migration>& ${first}${rest}Migrations() {
  static const auto& migrations = *new std::vector<Migration>{
${body}  };
  return migrations;
}

}  // namespace threadstore
")
  add_library(threadstore_${engine}_migrations STATIC ${source})
  target_link_libraries(threadstore_${engine}_migrations PRIVATE threadstore_options)
endfunction()
