# PHP with the extensions that most packages ask for, Composer, and PHPUnit for those without one.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends php-cli php-curl php-mbstring php-sqlite3 php-xml php-zip composer phpunit
apt-get clean && rm -rf /var/lib/apt/lists/*
php --version
phpunit --version
