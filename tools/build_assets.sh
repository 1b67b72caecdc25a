#!/usr/bin/env bash
# Makes src/gateway/web/assets anew from npm packages: tools/build_assets.sh FOLDER, after in that folder
#   npm install nhsuk-frontend@10.6.1 accessible-autocomplete@3.0.1 sass esbuild purgecss
set -euo pipefail
npm=$(realpath "${1:?the folder where npm has installed the packages}/node_modules")
cd "$(dirname "$0")/../src/gateway/web/assets"

"$npm/.bin/sass" --load-path="$npm/nhsuk-frontend/dist" --no-charset --no-source-map --style=compressed nhsuk.scss \
  | NODE_PATH=$npm node ../../../../tools/trim_css.cjs >nhsuk.css
NODE_PATH=$npm "$npm/.bin/esbuild" nhsuk.entry.mjs --bundle --minify --format=esm --target=es2020 --legal-comments=none --outfile=nhsuk.js
cp "$npm/accessible-autocomplete/dist/accessible-autocomplete.min.css" accessible-autocomplete.css
sed '/^\/\/# sourceMappingURL/d' "$npm/accessible-autocomplete/dist/accessible-autocomplete.min.js" >accessible-autocomplete.js
sed -i 's|/\*# sourceMappingURL=.*\*/||' accessible-autocomplete.css
cp "$npm/accessible-autocomplete/LICENSE.txt" licences/accessible-autocomplete.txt
