# Bun, from the registry of Node's packages.
set -eu
npm install --global --no-audit --no-fund --no-update-notifier bun@1
npm cache clean --force
rm -rf /root/.npm /root/.cache /root/.config /root/.local
bun --version
