# pnpm and Yarn 1, in versions that run on the base's Node 18. Yarn 2 and later come with the repository.
set -eu
npm install --global --no-audit --no-fund --no-update-notifier pnpm@9 yarn@1
npm cache clean --force
rm -rf /root/.npm /root/.cache /root/.config /root/.local
pnpm --version
yarn --version
